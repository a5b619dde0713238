"""What the secrets of known issuers look like: a table.

The shapes are the issuers' own, as their documentation and the secrets that they revoke show them. A row costs nothing
where its literal does not stand in the text. Every pattern is bounded or possessive, so hostile text costs linear time.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from onbook.patterns import later
from onbook.rules.kept import PLACEHOLDER, at_word, long_words
from onbook.rules.signs import SHORTEST, Signs, signs

_END = r"(?![A-Za-z0-9_])"


@dataclass(frozen=True, slots=True)
class Issuer:
    """One kind of secret.

    Attributes:
        name: for people: "an OpenAI key".
        literals: one of them stands in every text that holds such a secret.
        pattern: its group ``secret`` is the secret, its group ``body`` (default: the secret) what looks random.
        entropy: bits a character that the body has at least (Shannon, over its own characters): what is less was
            written by a person.
        mixed: whether the body needs a letter and a digit: for prefixes that words have too.
        anywhere: the secret may have blanks before or in it, or be shorter than SHORTEST.
    """

    name: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    entropy: float = 3.0
    mixed: bool = False
    anywhere: bool = False


def _row(
    name: str,
    literals: str,
    pattern: str,
    *,
    entropy: float = 3.0,
    mixed: bool = False,
    bare: bool = False,
    anywhere: bool = False,
) -> Issuer:
    """A row whose secret is the whole pattern; ``bare``: the pattern says itself where the secret is."""
    # Where the first character is plain, what may stand before it is asked behind it, see at_word.
    first, rest = (pattern[0], pattern[1:]) if pattern[0].isalnum() or pattern[0] == "-" else ("", pattern)
    word = at_word(first) if first else r"(?:(?<=\\[nrt])|(?<![A-Za-z0-9_\\]))"
    full = pattern if bare else rf"(?P<secret>{word}{rest}){_END}"
    return Issuer(name, tuple(literals.split()), later(full), entropy, mixed, anywhere)


_HEX = 2.6  # of 32 random hex digits one in a million has less

ISSUERS: tuple[Issuer, ...] = (
    _row("an OpenAI key", "sk-proj- sk-svcacct- sk-admin- sk-None-",
         r"sk-(?:proj|svcacct|admin|None)-(?P<body>[A-Za-z0-9_-]{20,250})"),
    _row("an OpenAI key", "T3BlbkFJ", r"sk-(?P<body>[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})"),
    _row("an Anthropic key", "sk-ant-", r"sk-ant-[a-z]{2,12}[0-9]{2}-(?P<body>[A-Za-z0-9_-]{24,200})"),
    _row("an OpenRouter key", "sk-or-v1-", r"sk-or-v1-(?P<body>[0-9a-f]{64})", entropy=_HEX),
    _row("a Langfuse key", "sk-lf-",
         r"sk-lf-(?P<body>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", entropy=_HEX),
    # DeepSeek, Moonshot and many servers that speak OpenAI's API: a weak prefix.
    _row("a key of an OpenAI-like service", "sk-", r"sk-(?P<body>[A-Za-z0-9]{32,64})", mixed=True),
    _row("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_(?P<body>[A-Za-z0-9]{36,255})"),
    _row("a GitHub token", "github_pat_", r"github_pat_(?P<body>[A-Za-z0-9]{22}_[A-Za-z0-9]{59})"),
    _row("a GitLab token", "glpat- gldt- glrt- glptt- glcbt- glsoat- glft- glagent- gloas-",
         r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|agent|oas)-(?P<body>[A-Za-z0-9_-]{20,250})(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?"),
    _row("an AWS access key id", "AKIA ASIA", r"A[KS]IA(?P<body>[A-Z2-7]{16})", entropy=2.8),
    _row("an AWS secret access key", "aws_secret AWS_SECRET SecretAccessKey secretAccessKey",
         r"(?i:secret_?access_?key|aws_secret_?key)\\?[\"']?[ \t]{0,9}[:=][ \t]{0,9}\\?[\"']?"
         r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", entropy=3.7, bare=True, anywhere=True),
    _row("an Amazon Bedrock key", "ABSK", r"ABSK(?P<body>[A-Za-z0-9+/]{109,269}={0,2})", entropy=3.7),
    _row("a Google API key", "AIza", r"AIza(?P<body>[A-Za-z0-9_-]{35})(?!-)", entropy=3.2),
    _row("a Google OAuth secret", "GOCSPX-", r"GOCSPX-(?P<body>[A-Za-z0-9_-]{28})(?!-)"),
    _row("a Slack token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxc- xoxd-",
         r"xox[abcdeprs]-(?:[0-9]{6,14}-){1,3}(?P<body>[A-Za-z0-9-]{16,250})"),
    _row("a Slack token", "xapp-", r"xapp-[0-9]-[A-Z0-9]{6,14}-[0-9]{6,14}-(?P<body>[a-f0-9]{32,128})", entropy=_HEX),
    _row("a Slack webhook", "hooks.slack.com",
         r"hooks\.slack\.com\\?/(?:services|workflows|triggers)\\?/"
         r"(?P<secret>[TE][A-Z0-9]{6,14}\\?/[A-Z0-9]{6,14}\\?/(?P<body>[A-Za-z0-9/]{20,64}))", bare=True),
    _row("a Discord webhook", "/webhooks/",
         r"discord(?:app)?\.com\\?/api\\?/(?:v[0-9]{1,2}\\?/)?webhooks\\?/[0-9]{15,21}\\?/"
         r"(?P<secret>[A-Za-z0-9_-]{60,80})", bare=True),
    _row("a Stripe key", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_",
         r"(?:[sr]k_(?:live|test)|whsec)_(?P<body>[A-Za-z0-9]{20,250})"),
    _row("a Hugging Face token", "hf_ api_org_", r"(?:hf|api_org)_(?P<body>[A-Za-z0-9]{34})", entropy=3.6),
    _row("an npm token", "npm_", r"npm_(?P<body>[A-Za-z0-9]{36})", entropy=3.4),
    _row("a PyPI token", "pypi-AgE", r"pypi-AgE(?P<body>[A-Za-z0-9_-]{50,1000})"),
    _row("a SendGrid key", "SG.", r"SG\.(?P<body>[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})(?!-)", entropy=3.6),
    _row("a Twilio key", "SK", r"SK(?P<body>[0-9a-f]{32})", entropy=_HEX, mixed=True),
    _row("a Mailgun key", "key-", r"key-(?P<body>[0-9a-f]{32})", entropy=_HEX, mixed=True),
    _row("an Azure access key", "AccountKey= SharedAccessKey= SharedSecret",
         r"(?:AccountKey|SharedAccessKey|SharedSecretValue)=(?P<secret>[A-Za-z0-9+/]{43,86}={1,2})",
         entropy=3.7, bare=True),
    _row("an Azure client secret", "Q~", r"(?P<body>[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})", entropy=3.4),
    _row("an Azure OpenAI key", "JQQJ9", r"(?P<body>[A-Za-z0-9]{52}JQQJ9[0-9][A-Za-z0-9]{26})", entropy=3.4),
    _row("a DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_(?P<body>[0-9a-f]{64})", entropy=_HEX),
    _row("a Databricks token", "dapi", r"dapi(?P<body>[0-9a-f]{32}(?:-[0-9]{1,2})?)", entropy=_HEX, mixed=True),
    _row("a Groq key", "gsk_", r"gsk_(?P<body>[A-Za-z0-9]{48,56})", entropy=3.4),
    _row("a Replicate token", "r8_", r"r8_(?P<body>[A-Za-z0-9]{37})", entropy=3.4),
    _row("an xAI key", "xai-", r"xai-(?P<body>[A-Za-z0-9]{80})", entropy=3.4),
    _row("a Perplexity key", "pplx-", r"pplx-(?P<body>[A-Za-z0-9]{48})", entropy=3.4),
    _row("an NVIDIA key", "nvapi-", r"nvapi-(?P<body>[A-Za-z0-9_-]{60,70})"),
    _row("a Pinecone key", "pcsk_", r"pcsk_(?P<body>[A-Za-z0-9_]{50,80})"),
    _row("a Tavily key", "tvly-", r"tvly-(?:(?:dev|prod)-)?(?P<body>[A-Za-z0-9]{32})", entropy=3.4),
    _row("a LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_(?P<body>[0-9a-f]{32}_[0-9a-f]{10})", entropy=_HEX),
    _row("an ElevenLabs key", "sk_", r"sk_(?P<body>[0-9a-f]{48})", entropy=_HEX, mixed=True),
    _row("a Vault token", "hvs. hvb.", r"hv[sb]\.(?P<body>[A-Za-z0-9_-]{24,250})", mixed=True),
    _row("a Telegram bot token", ":AA", r"[0-9]{8,10}:(?P<body>AA[A-Za-z0-9_-]{33})(?!-)", entropy=3.4),
    _row("a Shopify token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_(?P<body>[0-9a-fA-F]{32})",
         entropy=_HEX),
    _row("a Postman key", "PMAK-", r"PMAK-(?P<body>[0-9a-f]{24}-[0-9a-f]{34})", entropy=_HEX),
    _row("a Linear key", "lin_api_", r"lin_api_(?P<body>[A-Za-z0-9]{40})", entropy=3.4),
    _row("a Notion token", "ntn_", r"ntn_(?P<body>[A-Za-z0-9]{40,60})", entropy=3.4),
    _row("an Atlassian token", "ATATT3", r"ATATT3(?P<body>[A-Za-z0-9_=-]{60,250})"),
    _row("a Grafana token", "glsa_", r"glsa_(?P<body>[A-Za-z0-9]{32}_[0-9a-f]{8})", entropy=3.4),
    _row("a Docker Hub token", "dckr_pat_", r"dckr_pat_(?P<body>[A-Za-z0-9_-]{27})(?!-)"),
    _row("a private key", "PRIVATE KEY",
         r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\{1,4}[nr]){0,80}"
         r"(?P<secret>[A-Za-z0-9+/=]{32,128})", entropy=3.0, bare=True, anywhere=True),
    _row("a JSON Web Token", "eyJ",
         rf"(?P<secret>(?P<head>{at_word('e')}(?<![.-]e)yJ[A-Za-z0-9_-]{{8,2000}})\.eyJ[A-Za-z0-9_-]{{8,8000}}"
         r"\.(?P<body>[A-Za-z0-9_-]{20,1400}))(?![A-Za-z0-9_-])", bare=True),
    _row("a URL with a password", r":// :\/\/",
         r":\\?/\\?/[A-Za-z0-9._%+-]{1,64}:(?P<secret>[^\s:@/\\\"'<>{}$|]{6,128})"
         r"@[A-Za-z0-9\[][A-Za-z0-9.-]+", entropy=2.2, mixed=True, bare=True, anywhere=True),
    # Issuers whose keys have no prefix (Mistral, Cohere, Together ...), where a setting names them.
    _row("the value of a secret setting", "_KEY _TOKEN _SECRET _PASSWORD",
         r"_(?<=[A-Z0-9]_)(?:KEY|TOKEN|SECRET|PASSWORD)"
         r"\\?[\"']?[ \t]{0,3}[=:][ \t]{0,3}\\?[\"']?(?P<secret>[A-Za-z0-9+/]{24,250}={0,2})(?![A-Za-z0-9+/_-])",
         entropy=3.5, mixed=True, bare=True, anywhere=True),
)  # fmt: skip

# Tokens that the makers print in their documentation, and that open nothing.
_PUBLISHED = ("SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ")


_ANYWHERE = tuple(dict.fromkeys(literal for issuer in ISSUERS if issuer.anywhere for literal in issuer.literals))
# One character is found much sooner than a word: each literal by the first of these that stands in it.
_CHARACTERS = ("\\", "_", "K", "/")
_BY_CHARACTER = tuple(
    (character, tuple(each for each in _ANYWHERE if next(filter(each.__contains__, _CHARACTERS), None) == character))
    for character in _CHARACTERS
)
_IN_WORDS = tuple(dict.fromkeys(literal for issuer in ISSUERS if not issuer.anywhere for literal in issuer.literals))


def _present(text: str) -> set[str]:
    """The literals of which one stands near every secret."""
    words = long_words(text, SHORTEST)
    present = {literal for literal in _IN_WORDS if literal in words} if words else set[str]()
    for character, literals in _BY_CHARACTER:
        if character in text:
            present.update(literal for literal in literals if literal in text)
    return present


def secrets(text: str, shown: Signs | None = None) -> tuple[tuple[int, str, Issuer], ...]:
    """Every secret in a text: where it starts, itself, and of which kind; of several kinds for one the first row.

    Args:
        shown: the signs of the text, where they are known.
    """
    shown = shown or signs(text)
    present = _present(text) if shown and shown.secret else ()
    if not present:
        return ()
    found: dict[int, tuple[str, Issuer]] = {}
    for issuer in ISSUERS:
        if not present.isdisjoint(issuer.literals):
            for match in issuer.pattern.finditer(text):
                if match.start("secret") not in found and _is_random(issuer, match):
                    found[match.start("secret")] = match["secret"], issuer
    told, end = [], 0
    for start in sorted(found):
        if start >= end:
            secret, issuer = found[start]
            end = start + len(secret)
            told.append((start, secret, issuer))
    return tuple(told)


shared_secrets = lru_cache(maxsize=512)(secrets)
"""The same of a text that belongs to many prompts."""


def _is_random(issuer: Issuer, match: re.Match[str]) -> bool:
    groups = match.groupdict()
    body = groups.get("body") or match["secret"]
    if PLACEHOLDER.search(body) or entropy(body) < issuer.entropy or any(known in body for known in _PUBLISHED):
        return False
    if issuer.mixed and not (re.search("[A-Za-z]", body) and re.search("[0-9]", body)):
        return False
    return "head" not in groups or _is_jose(groups["head"] or "")


def entropy(text: str) -> float:
    """Shannon's entropy of a text's own characters, in bits a character."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())


def _is_jose(head: str) -> bool:
    """Whether the first part of a token is the header that RFC 7515, section 4 asks for."""
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header
