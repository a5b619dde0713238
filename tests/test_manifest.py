from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from onbook import resources
from onbook.contract import Contract
from onbook.errors import IntegrityError, UsageError
from onbook.manifest import ClosureFile, Manifest, TagObject, digest, sha256

PROMPT = ClosureFile("prompts/support/triage.prompt.yml", "100644", "a" * 40, "b" * 64)
PARTIAL = ClosureFile("prompts/_shared/tone of voice é.md", "100755", "c" * 40, "d" * 64)
FILES = (PROMPT, PARTIAL)
HEAD = f"object {'1' * 40}\ntype commit\ntag support/triage/v1.4.0\ntagger A <a@example.com> 1767225600 +0000\n\n"
NOTES = "support/triage 1.4.0\n\n- minor OD301 the text of message 1 (user) changed\n\n"
SSH = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ\n-----END SSH SIGNATURE-----\n"
PGP = "-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n"
X509 = "-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n"


def manifest(files: tuple[ClosureFile, ...] = FILES) -> Manifest:
    return Manifest(digest(files), "minor", files, "1.3.2", ("OD301", "OD403"), "12 passed, 1 xfailed")


def raw(message: str, head: str = HEAD) -> bytes:
    return (head + message).encode()


def read(message: str) -> Manifest:
    return TagObject.parse(raw(message), "tag").manifest("tag")


def written(*files: tuple[str, str], stated: str | None = None) -> str:
    """Trailers by hand: (mode, path) each, with the digest that fits them."""
    listed = [ClosureFile(path, mode, "a" * 40, "b" * 64) for mode, path in files]
    lines = [f"Onbook-Digest: {stated or digest(listed)}", "Onbook-Bump: minor", "Onbook-Tests: 1 passed"]
    return NOTES + "\n".join([*lines, *(f"Onbook-File: {file}" for file in listed)]) + "\n"


@pytest.mark.parametrize("signature", ["", SSH, PGP, X509, PGP.replace("SIGNATURE", "MESSAGE")])
def test_what_is_written_is_read(signature: str) -> None:
    stored = manifest()
    tag = TagObject.parse(raw(NOTES + stored.trailers() + signature), "tag")
    assert tag.manifest("tag") == Manifest(
        stored.digest, "minor", tuple(sorted(FILES)), "1.3.2", stored.rules, stored.tests
    )
    assert (tag.target, tag.type, tag.name) == ("1" * 40, "commit", "support/triage/v1.4.0")
    assert tag.tagger.startswith("A <a@example.com>")
    assert tag.notes == NOTES.strip()


def test_git_keeps_a_tag_byte_for_byte(tmp_path: Path) -> None:
    def git(*args: str, stdin: bytes = b"") -> bytes:
        return subprocess.run(["git", *args], cwd=tmp_path, input=stdin, check=True, capture_output=True).stdout

    git("init", "--quiet", ".")
    git("-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty", "-m", "x")
    head = HEAD.replace("1" * 40, git("rev-parse", "HEAD").decode().strip())
    paths = [
        "a b.md",
        "ends in space ",
        "é/ü.md",
        "-dash",
        "ab:c",
        "*",
        "'q\"",
        "\u2028x",
        "tab-free",
        "Onbook-File: x",
    ]
    files = tuple(ClosureFile(path, "100644", "a" * 40, sha256(path.encode())) for path in paths)
    body = NOTES + manifest(files).trailers()
    oid = git("hash-object", "-t", "tag", "-w", "--stdin", stdin=raw(body, head)).decode().strip()
    stored = git("cat-file", "tag", oid)
    assert stored == raw(body, head)
    assert {file.path for file in TagObject.parse(stored, "tag").manifest("tag").files} == set(paths)
    git("update-ref", "refs/tags/support/triage/v1.4.0", oid)
    git("fsck", "--strict")


def test_a_tag_follows_its_schema() -> None:
    fields: dict[str, object] = {}
    for line in manifest().trailers().splitlines():
        key, _, value = line.partition(": ")
        if key == "Onbook-File":
            fields.setdefault(key, []).append(value)  # type: ignore[attr-defined]
        else:
            fields[key] = value.split(", ") if key == "Onbook-Rules" else value
    assert Contract(resources.schema("tag")).violations(fields) == []


def test_notes_are_words_whatever_they_look_like() -> None:
    notes = f"support/triage 1.4.0\n\nOnbook-Digest: sha256:{'0' * 64}\nOnbook-File: 100644 a b /etc/passwd\n\nlast\n\n"
    tag = TagObject.parse(raw(notes + manifest().trailers()), "tag")
    assert tag.manifest("tag").digest == manifest().digest
    assert tag.notes == notes.strip()


def test_a_signature_begins_where_git_says_so() -> None:
    # git takes the last such line: what stands before it was signed, and only that.
    notes = NOTES + SSH + "\n"
    tag = TagObject.parse(raw(notes + manifest().trailers() + PGP), "tag")
    assert tag.manifest("tag").digest == manifest().digest
    # After it nothing is read: trailers there were never signed.
    with pytest.raises(IntegrityError, match="not written by onbook"):
        read(NOTES + SSH + "\n" + manifest().trailers())


def test_trailers_of_others_may_stand_among_ours() -> None:
    assert read(NOTES + "Signed-off-by: A <a@example.com>\nOnbook-Later: x\n" + manifest().trailers()).bump == "minor"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../outside",
        "a/../../outside",
        "a/./b",
        "./a",
        "a//b",
        "a/",
        ".",
        "..",
        "a\\..\\b",
        "C:/x",
        "c:x",
        ".git/hooks/pre-commit",
        "a/.GIT/config",
        "a\tb",
        "a\x00b",
        "a\rb",
        "a\x7f",
        "a" * 5_000,
        "/".join("a" * 900),
    ],
)
def test_hostile_paths(path: str) -> None:
    with pytest.raises(IntegrityError, match="malformed Onbook-File"):
        read(written(("100644", path)))
    with pytest.raises(UsageError, match="cannot be released"):
        manifest((ClosureFile(path, "100644", "a" * 40, "b" * 64),)).trailers()


@pytest.mark.parametrize("mode", ["120000", "160000", "040000", "100600", "000000", "777777"])
def test_only_regular_files(mode: str) -> None:
    with pytest.raises(IntegrityError, match="only regular files"):
        read(written((mode, "a")))
    with pytest.raises(UsageError, match="cannot be released"):
        manifest((ClosureFile("a", mode, "a" * 40, "b" * 64),)).trailers()


@pytest.mark.parametrize("mode", ["10064", "1006440", "١٠٠٦٤٤", "100648", ""])
def test_modes_are_six_octal_digits(mode: str) -> None:
    with pytest.raises(IntegrityError, match="malformed Onbook-File"):
        read(written((mode, "a")))


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "b", "a"), ("a", "a/b"), ("x/y", "x/y/z", "q"), ("a/b/c", "a")])
def test_a_path_is_listed_once_and_is_a_file_or_a_folder(paths: tuple[str, ...]) -> None:
    with pytest.raises(IntegrityError, match="more than once"):
        read(written(*(("100644", path) for path in paths)))


def test_a_digest_over_fewer_or_other_files() -> None:
    fewer = digest([ClosureFile("a", "100644", "a" * 40, "b" * 64)])
    with pytest.raises(IntegrityError, match="its own file list"):
        read(written(("100644", "a"), ("100644", "b"), stated=fewer))
    with pytest.raises(IntegrityError, match="its own file list"):
        read(written(("100644", "a"), stated="sha256:" + "0" * 64))
    with pytest.raises(IntegrityError, match="its own file list"):
        read(written(("100644", "a"), stated=fewer.upper()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("Onbook-Digest: ", "Digest: "),
        lambda text: text.replace("Onbook-File: ", "File: "),
        lambda text: text.replace("Onbook-Bump: minor\n", ""),
        lambda text: text.replace("Onbook-Bump: minor", "Onbook-Bump: huge"),
        lambda text: text.replace("Onbook-Bump: minor", "Onbook-Bump: minor\nOnbook-Bump: patch"),
        lambda text: text.replace("Onbook-Tests: 1 passed", "Onbook-Tests"),
        lambda text: text.replace("Onbook-Digest: ", "Onbook-Digest: \nOnbook-Digest: "),
        lambda text: text.replace("Onbook-File: 100644 ", "Onbook-File:100644 "),
        lambda text: text.replace("a" * 40, "a" * 39),
        lambda text: text.replace("a" * 40, "A" * 40),
        lambda text: text.replace("b" * 64, "b" * 63),
        lambda text: text.replace("Onbook-File", "\nOnbook-File"),
        lambda text: text + "\nMore words.\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda _: "",
        lambda _: "support/triage 1.4.0\n",
    ],
)
def test_trailers_that_are_missing_or_malformed(spoil: Callable[[str], str]) -> None:
    good = written(("100644", "a"))
    assert read(good).files
    with pytest.raises(IntegrityError) as caught:
        read(spoil(good))
    assert caught.value.place == "tag"
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    "head",
    [
        "",
        "tree " + "1" * 40 + "\n\n",
        HEAD.replace("object ", "Object "),
        HEAD.replace("1" * 40, "1" * 39),
        HEAD.replace("type commit", "type thing"),
        HEAD.replace("tag support/triage/v1.4.0\n", ""),
        f"type commit\nobject {'1' * 40}\ntag a/v1.0.0\n\n",
    ],
)
def test_no_annotated_tag(head: str) -> None:
    with pytest.raises(IntegrityError, match="not an annotated tag"):
        TagObject.parse(raw(manifest().trailers(), head), "tag")


def test_a_second_head_line_is_not_believed() -> None:
    head = HEAD.replace("\n\n", f"\nobject {'2' * 40}\ntag other/v9.0.0\n\n")
    tag = TagObject.parse(raw("x", head), "tag")
    assert (tag.target, tag.name) == ("1" * 40, "support/triage/v1.4.0")


def test_bytes_that_are_no_text_are_no_crash() -> None:
    tag = TagObject.parse(HEAD.encode().replace(b"tagger A", b"tagger \xff") + b"\xff\xfe", "tag")
    with pytest.raises(IntegrityError):
        tag.manifest("tag")


def test_the_digest_depends_on_paths_and_bytes_alone() -> None:
    assert digest(FILES) == digest(reversed(FILES))
    other = ClosureFile(PROMPT.path, "100755", "e" * 64, PROMPT.sha256)
    assert digest([other, PARTIAL]) == digest(FILES)
    assert digest([ClosureFile("x", *other_fields(PROMPT)), PARTIAL]) != digest(FILES)
    expected = "".join(sorted(f"{file.path} {file.sha256}\n" for file in FILES)).encode()
    assert digest(FILES) == f"sha256:{sha256(expected)}"


def other_fields(file: ClosureFile) -> tuple[str, str, str]:
    return file.mode, file.blob, file.sha256


def test_a_path_that_is_no_text_has_a_digest_and_no_release() -> None:
    files = (ClosureFile("prompts/\udcff.md", "100644", "a" * 40, "b" * 64),)
    assert digest(files).startswith("sha256:")
    with pytest.raises(UsageError, match="cannot be released"):
        manifest(files).trailers()


@pytest.mark.parametrize("path", ["a\nOnbook-File: 100644 x", "a\n\nb"])
def test_a_path_writes_no_lines_of_its_own(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be released"):
        manifest((ClosureFile(path, "100644", "a" * 40, "b" * 64),)).trailers()


def test_files_without_a_blob_are_not_released() -> None:
    with pytest.raises(UsageError, match="cannot be released"):
        manifest((ClosureFile("a", "100644", "", "b" * 64),)).trailers()


@pytest.mark.parametrize(
    ("tagger", "told"),
    [
        ("A <a@example.com> 1767225600 +0000", ("A", "2026-01-01")),
        ("Ada Lovelace <a@example.com> 0 -0800", ("Ada Lovelace", "1970-01-01")),
        ("<a@example.com> 1767225600 +0000", ("", "2026-01-01")),
        ("A <a@example.com> 999999999999 +0000", ("A", "")),
        ("A <a@example.com> 99999999999999999999 +0000", ("", "")),
        ("A <a@example.com> soon +0000", ("", "")),
        ("A\x1b[31m <a@example.com> 1767225600 +0000", ("A\ufffd[31m", "2026-01-01")),
        ("", ("", "")),
    ],
)
def test_who_tagged_and_when(tagger: str, told: tuple[str, str]) -> None:
    assert TagObject("1" * 40, "commit", "a/v1.0.0", tagger, "x").tagged == told


def test_a_tag_object_is_what_was_read() -> None:
    assert TagObject.parse(raw(NOTES), "tag").raw() == raw(NOTES)
