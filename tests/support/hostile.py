"""Texts that are made to cost the safety rules more than their length, and what looks for things in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from onbook.rules import hidden, injection, issuers, outside, personal

FINDERS: dict[str, Callable[[str], Iterable[object]]] = {
    "secrets": issuers.secrets,
    "personal": personal.personal,
    **{
        find.__name__.strip("_"): find
        for find in (personal._emails, personal._ibans, personal._cards, personal._phones)
    },
    "kept by words": injection._held,
    "orders": injection._told,
    "hidden": lambda text: [hidden._hidden(match) for match in hidden._HIDDEN.finditer(text)],
    "tokens": hidden._TOKEN.finditer,
    "enclosed": lambda text: [outside._enclosed(text)],
}
# One unit each, repeated: single characters, near matches that fail late, and what several rows begin with.
UNITS = [
    *"a 0-_.@+(:/\\<[|{=\n\u200b\U000e0041",
    *("a.", "a@", "a@a", "a@a.", "a.a@a.a-", "A0", "AA00", "AA00 ", "AA00 AAAA ", "4", "4 ", "4111 "),
    *("4111-1111-", "3782 8", "+1", "+1 ", "+1(", "(650) ", "650-", "650-283-"),
    *("sk-", "sk-proj-", "sk-ant-api03-", "ghp_", "github_pat_", "glpat-", "AKIA", "aws_secret_access_key="),
    *("AIza", "xoxb-1", "xoxb-111111-"),
    *("hooks.slack.com/services/T", "sk_live_", "hf_", "SG.", "SG.a", "SK", "SK0", "key-", "AccountKey=", "Q~"),
    *("a8Q~", "JQQJ9", "dapi", "gsk_", "r8_", ":AA", "11111111:AA"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN A PRIVATE KEY-----\\n", "eyJ", "eyJa.", "eyJa.eyJ"),
    *(" eyJaaaaaaaaa.eyJaaaaaaaaaa.", "://", "://a:", "://a:a", "A_KEY", "A_KEY=", "A_KEY= ", "_TOKEN:"),
    *("password", "password is ", "the password for a ", "key to a", "secret code ", "token:", 'code is "'),
    *("never ", "do not ", "if user ", "if the user says ", "keep it ", "password is \"x1\" never "),
    *("ignore ", "ignore all ", "ignore all previous ", "ignore the system ", "reveal your "),
    *("reveal the hidden ", "you are now ", "new instructions", "forget everything "),
    *("<|", "<|im_start", "[INST", "<\uff5c", "<\uff5ca", "<<SYS", "\u200b\u200c", "a\u200b", "\ufe0f"),
]  # fmt: skip


def text_of(unit: str, size: int) -> str:
    """A text of about so many characters."""
    return unit * (size // len(unit))
