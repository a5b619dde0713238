"""Gets while the remote is killed, hung, emptied, force-moved and restored, and files of the cache are cut off.

    python tests/benchmarks/soak.py [--minutes 10] [--seed N]

No prompt may ever be other than its version says, and every refusal must say why. Prints what happened; exits with 1
where one of the two did not hold. A short run is a test: tests/client/test_soak.py.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import onbook
from support.git import PROMPT, Repo, new_repo, release_by_hand
from support.http_git import GitServer, git_server

ID = "support/triage"
PATH = f"prompts/{ID}.prompt.yml"
GOOD = ("1.0.0", "1.1.0", "1.2.0")


def text(version: str) -> bytes:
    """A prompt that says which version it is."""
    return PROMPT.replace("You sort", f"{version} sort").encode()


def prepared(path: Path) -> Repo:
    """Three releases, and an environment that runs the first and gives the second to half of the callers."""
    repo = new_repo(path, "--initial-branch=main")
    repo.git("config", "uploadpack.allowFilter", "true")
    digests = {}
    for version in GOOD:
        repo.commit({PATH: text(version)})
        release_by_hand(repo, ID, version, {PATH: text(version)})
        raw = repo.git("cat-file", "tag", f"{ID}/v{version}")
        digests[version] = raw.partition("Onbook-Digest: ")[2].split("\n")[0]
    rows = f'{ID}:\n  stable: {{version: 1.0.0, digest: "{digests["1.0.0"]}"}}\n'
    rows += f'  canary: {{version: 1.1.0, digest: "{digests["1.1.0"]}", weight: 50, key: u, salt: s}}\n'
    repo.commit({"prompts/_environments/production.yml": rows})
    return repo


class Soak:
    """One run; ``seen`` counts what was served and refused, ``wrong`` tells what must not have happened."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.repo = prepared(folder / "served" / "repo")
        self.kept = folder / "kept"
        shutil.copytree(self.repo.path, self.kept)
        self.cache = folder / "cache"
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, seconds: float) -> None:
        """Trouble from one thread, gets from others."""
        with git_server(self.folder / "served") as server:
            url = f"{server.url}/repo/.git"
            book = onbook.open(url, cache=self.cache)
            for version in GOOD:
                # All is known before trouble begins: who has seen nothing cannot tell a moved tag from a first one.
                book.get(ID, version)
            threads = [threading.Thread(target=self._gets, args=(url, number)) for number in range(4)]
            for thread in threads:
                thread.start()
            end = time.monotonic() + seconds
            try:
                while time.monotonic() < end:
                    self._trouble(server)
                    time.sleep(self.random.uniform(0.1, 0.6))
            finally:
                server.released.set()
                self._stop.set()
                for thread in threads:
                    thread.join()

    def _gets(self, url: str, number: int) -> None:
        chance = random.Random(number)
        book: onbook.Book | None = None
        while not self._stop.wait(0.005):
            if book is None or chance.random() < 0.02:
                # A restart; sometimes of an application that allows hardly anything stale.
                stale = chance.choice([0.3, 5.0, 3600.0])
                book = onbook.open(url, cache=self.cache, ttl=0.1, max_stale=stale, timeout=1)
            ask = chance.choice(["1.0.0", "1.1.0", "^1", "~1.1", "production"])
            try:
                to = {"env": ask, "key": str(chance.randrange(100))} if ask == "production" else {"request": ask}
                prompt = book.get(ID, **to)
            except onbook.OnbookError as error:
                self._note(f"refused: {type(error).__name__}", None if error.message else "a refusal without a word")
                continue
            except Exception as error:
                self._note("crashed", f"{type(error).__name__}: {error}")
                continue
            self._note("served", self._fault(ask, prompt))

    def _fault(self, ask: str, prompt: onbook.LoadedPrompt) -> str | None:
        said = prompt.render(ticket="x")[0]["content"].split(" ")[0]
        allowed = {"^1": {"1.2.0"}, "~1.1": {"1.1.0"}, "production": {"1.0.0", "1.1.0"}}.get(ask, {ask})
        if said != prompt.version or prompt.version not in allowed:
            return f"{ask} gave {prompt.version}, which says that it is {said}"
        return None

    def _note(self, what: str, fault: str | None) -> None:
        with self._lock:
            self.seen[what] += 1
            if fault:
                self.wrong.append(fault)

    def _trouble(self, server: GitServer) -> None:
        kind = self.random.choice(
            ["fail", "hang", "serve", "serve", "empty", "move", "back", "cut", "restore", "restore"]
        )
        self.seen[f"trouble: {kind}"] += 1
        if kind in ("fail", "hang", "serve"):
            server.mode = kind
            server.released.set()
            server.released = threading.Event()
        elif kind == "empty":
            for name in self.repo.tags():
                self.repo.git("tag", "-d", name)
        elif kind == "move":
            version = self.random.choice(GOOD)
            release_by_hand(self.repo, ID, version, {PATH: text("evil")})
        elif kind == "back":
            # To the commit before, and from the first one nowhere.
            before = self.repo.git("rev-list", "--max-count=2", "main").split()[-1]
            self.repo.git("update-ref", "refs/heads/main", before)
        elif kind == "cut":
            files = [path for path in self.cache.rglob("*") if path.is_file() and "locks" not in path.parts]
            for path in self.random.sample(files, min(3, len(files))):
                # The index of versions is what tells that a tag moved: it is damaged only while the remote is honest.
                if "releases" not in path.parts and "state" not in path.parts:
                    path.write_bytes(path.read_bytes()[: self.random.randrange(20)])
        else:
            refs = Repo(self.kept).git("for-each-ref", "--format=update %(refname) %(objectname)").encode()
            self.repo.git("update-ref", "--stdin", stdin=refs + b"\n")
            server.mode = "serve"
            server.released.set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="which trouble, in which order")
    asked = parser.parse_args()
    # A refresh in the background may still write there when all is over.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        soak = Soak(Path(name), asked.seed)
        soak.run(asked.minutes * 60)
    lines = [
        f"seed {asked.seed}, {asked.minutes:g} minutes",
        *(f"{count:8} {what}" for what, count in sorted(soak.seen.items())),
    ]
    lines += [f"WRONG: {fault}" for fault in soak.wrong[:20]] or ["no wrong prompt was served, every refusal said why"]
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
