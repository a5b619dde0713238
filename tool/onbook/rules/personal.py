"""ON406: what belongs to people: e-mail addresses, account, card and telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from onbook.patterns import later
from onbook.project import Source
from onbook.report import Severity
from onbook.rules.base import Hit, Rule
from onbook.rules.kept import PLACEHOLDER, Kept, Match, at_word, suspects, told_once
from onbook.rules.signs import Signs, signs


class PersonalData(Rule):
    """An e-mail address, a bank account, a payment card or a telephone number in a prompt or a file beside it.

    **Why it matters**

    Gold sets are often made from real messages. What stands in them is sent to every model that the tests are recorded
    with, is copied into recordings, and stays in history, where nobody can delete it when its owner asks.

    Told are: e-mail addresses of a person; IBANs of a known country and length whose check digits are right (ISO
    13616); card numbers with the prefix and length of an issuer and a right check digit (Luhn), written in groups or
    after a word such as "card"; telephone numbers with ``+`` and a country code (E.164), and North American ones with
    their punctuation. What is reserved for examples passes: ``example.com`` and ``.test`` (RFC 2606), 555-01xx and the
    numbers that regulators set aside for fiction, the cards and accounts that banks publish for tests; so do addresses
    of an office (``support@``) and telephone numbers that are free of charge.

    OWASP LLM Top 10: LLM02:2025 and LLM07:2025 (2026: LLM02, LLM08).

    **Bad**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "Sort this ticket: {{ticket}}"
    # file: prompts/a.cases.yml
    - id: refund
      inputs: {ticket: "Please refund to DE86 9999 9999 0012 3498 76."}
    ```

    **Good**

    ```yaml
    # file: prompts/a.prompt.yml
    messages:
      - role: user
        content: "Sort this ticket: {{ticket}}"
    # file: prompts/a.cases.yml
    - id: refund
      inputs: {ticket: "Please refund to DE89 3704 0044 0532 0130 00, or write to maria@example.com."}
    ```

    **When to waive**

    Where it is public on purpose: the address that your own service prints in its answers.
    """

    id = "ON406"
    slug = "personal-data"
    severity = Severity.WARNING

    def check(self, source: Source) -> Iterable[Hit]:
        """Every place in every file; recordings tell only what stands nowhere else."""
        shown = suspects(source)
        return self._found(shown) if shown else ()

    @staticmethod
    def _found(files: list[Kept]) -> Iterator[Hit]:
        told: set[str] = set()
        for file in files:
            found = _shared(file.text) if file.shared else personal(file.text, file.shown)
            for match in told_once(file, found, told) if found else ():
                hint = "write one that is reserved for examples: maria@example.com, +1 202-555-0143"
                yield file.hit_at(match.start, match.what, hint=hint)


def personal(text: str, shown: Signs | None = None) -> tuple[Match, ...]:
    """Everything of the kind in a text, kind by kind; what is told shows no more than tells it from others.

    Args:
        shown: the signs of the text, where they are known.
    """
    shown = shown or signs(text)
    if shown is None:
        return ()
    found: list[Match] = []
    if shown.email:
        found += _emails(text)
    if shown.number:
        found += _ibans(text)
        found += _cards(text)
    if shown.number or shown.plus:
        found += _phones(text)
    return tuple(found)


_shared = lru_cache(maxsize=512)(personal)  # of a text that belongs to many prompts


# --- e-mail

_EMAIL = later(
    rf"(?P<local>{at_word('[A-Za-z0-9_]')}(?<![.%+@/:-][A-Za-z0-9_])[A-Za-z0-9._%+-]{{0,63}})@"
    r"(?P<domain>(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24})(?![A-Za-z0-9@(-])"
)
# RFC 2606 and RFC 6761, and what people write for "some company".
_RESERVED = frozenset(
    {"example", "test", "invalid", "localhost", "local", "internal", "intranet", "lan", "corp", "home"}
)
_SOME = later(
    r"(?:my|your|our|the|some|any|their)?-?(?:example|company|corp|corporation|business|domain|email|mail|acme|contoso|"
    r"fabrikam|adventure-?works|northwind(?:traders)?|foo|bar|test|sample|dummy|fake|website|site|organi[sz]ation|org|"
    r"xyz|abc)(?:company|corp|inc|mail|domain)?[0-9]{0,3}"
)
_OFFICE = later(
    r"(?:.*[._+-])?(?:support|info|help|helpdesk|service|customer-?(?:service|care|support)|care|sales|contact|office|"
    r"admin|administrator|billing|accounts?|accounting|invoices?|hr|jobs|careers?|press|media|marketing|legal|privacy|"
    r"gdpr|dpo|security|abuse|postmaster|webmaster|hostmaster|root|team|hello|hi|feedback|news(?:letter)?|no-?reply|"
    r"do-?not-?reply|notifications?|alerts?|orders?|returns?|refunds?|booking|reservations?|events?|partners?|api|bot|"
    r"git|mailer-daemon)(?:[._+-].*)?",
    re.IGNORECASE,
)
_ANYONE = later(
    r"(?:(?:john|jane|joe|max|erika|jean)[._-]?(?:doe|smith|roe|public|mustermann|dupont)|user(?:name)?|me|you|someone|"
    r"somebody|name|first(?:name)?[._-]?last(?:name)?|email|mail|test(?:er|ing|user)?|foo|bar|abc|xyz|alice|bob|"
    r"customer|client|recipient|sender|person)[0-9._-]{0,4}",
    re.IGNORECASE,
)
_NO_DOMAIN = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "git"})  # icon@2x.png, a package


def _emails(text: str) -> Iterator[Match]:
    for match in _EMAIL.finditer(text):
        local, domain = match["local"], match["domain"].lower()
        labels = domain.split(".")
        owner = labels[-3] if len(labels) > 2 and labels[-2] in ("co", "com", "org", "ac", "gov") else labels[-2]
        if labels[-1] in _RESERVED or _SOME.fullmatch(owner) or PLACEHOLDER.search(match[0]):
            continue
        if labels[-1] in _NO_DOMAIN or _OFFICE.fullmatch(local) or _ANYONE.fullmatch(local):
            continue
        yield Match(match.start(), match[0].lower(), f"an e-mail address stands in this file: {local[0]}...@{domain}")


# --- bank accounts

# ISO 13616: how long an account of each country is (SWIFT's registry, release 99).
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
# The examples of that registry and of the banks' own pages, which open no account of anybody.
_IBANS_PUBLISHED = frozenset(
    """
    GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555 GB94BARC10201530093459
    DE89370400440532013000 DE91100000000123456789 DE75512108001245126199 FR1420041010050500013M02606
    FR7630006000011234567890189 NL91ABNA0417164300 NL02ABNA0123456789 BE68539007547034 BE71096123456769
    ES9121000418450200051332 ES7921000813610123456789 IT60X0542811101000000123456 CH9300762011623852957
    CH5604835012345678009 AT611904300234573201 AT483200000012345864 PL61109010140000071219812874
    PT50000201231234567890154 SE4550000000058398257466 NO9386011117947 DK5000400440116243 FI2112345600000785
    IE29AIBK93115212345678 IE64IRCE92050112345678 LU280019400644750000
    """.split()  # noqa: SIM905 this reads better than fifty quoted strings
)
_IBAN = later(rf"{at_word('[A-Z]')}[A-Z][0-9]{{2}}(?: ?[A-Z0-9]){{11,29}}(?![A-Za-z0-9])")


def _ibans(text: str) -> Iterator[Match]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2])
        number = match[0].replace(" ", "")
        if length is None or len(number) < length:
            continue
        # What follows in capitals may be the next word.
        if len(number) > length and not _ends_at(match[0], length):
            continue
        number = number[:length]
        digits = "".join(str(int(letter, 36)) for letter in number[4:] + number[:4])
        if int(digits) % 97 == 1 and number not in _IBANS_PUBLISHED and len(set(number[4:])) > _FEW:
            yield Match(match.start(), number, f"an IBAN stands in this file: {number[:2]}...{number[-2:]}")


def _ends_at(written: str, length: int) -> bool:
    """Whether a blank follows the first ``length`` characters that are none."""
    seen = 0
    for place, letter in enumerate(written):
        seen += letter != " "
        if seen == length:
            return written[place + 1 : place + 2] == " "
    return False


_FEW = 2  # different characters: 1111 1111 is nobody's


# --- cards

# ISO/IEC 7812 prefixes and the lengths that are issued: prefix range, lengths.
_CARDS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("6011", "6011", (16, 19)),
    ("644", "659", (16, 19)),
    ("300", "305", (14,)),
    ("36", "36", (14,)),
    ("38", "39", (14,)),
    ("3528", "3589", (16, 19)),
    ("62", "62", (16, 17, 18, 19)),
)
# What Visa, Mastercard, American Express and payment services print for tests.
_CARDS_PUBLISHED = frozenset(
    """
    4111111111111111 4242424242424242 4012888888881881 4000056655665556 4000000000000002 4000000000003220
    4222222222222 4917610000000000 4444333322221111 4532015112830366 4539578763621486 4716108999716531
    5555555555554444 5105105105105100 5200828282828210 5454545454545454 5425233430109903 2223003122003222
    2223000048400011 378282246310005 371449635398431 378734493671000 6011111111111117 6011000990139424
    3056930009020004 30569309025904 38520000023237 36227206271667 3530111333300000 3566002020360505
    6200000000000005 4916338506082832 4556737586899855 4024007103939509
    """.split()  # noqa: SIM905 this reads better than fifty quoted strings
)
# Each without its first digit.
_GROUPED = r"[0-9]{3}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}(?:(?P=gap)[0-9]{3})?"
_AMEX = r"[0-9]{3}(?P<gap2>[ -])[0-9]{6}(?P=gap2)[0-9]{4,5}"
_CARD = later(
    rf"{at_word('[2-6]')}(?<![.#/:=_-][2-6])(?:{_GROUPED}|{_AMEX}|(?P<plain>[0-9]{{12,18}}))"
    r"(?![A-Za-z0-9_]|[.,/:-][0-9])"
)
_CARD_WORD = later(
    r"(?i:\b(?:credit|debit|card|visa|mastercard|amex|maestro|kreditkarte|karte|carte|tarjeta|pan|cvv|cvc)s?\b)"
)


def _cards(text: str) -> Iterator[Match]:
    for match in _CARD.finditer(text):
        number = re.sub("[ -]", "", match[0])
        if number in _CARDS_PUBLISHED or len(set(number)) <= _FEW or not _is_issued(number) or not luhn(number):
            continue
        # Ungrouped digits are more often the number of an order, and one in ten of those has a right check digit.
        if match["plain"] and not _CARD_WORD.search(text, max(match.start() - 48, 0), match.start()):
            continue
        yield Match(match.start(), number, f"a payment card's number stands in this file: ...{number[-4:]}")


def _is_issued(number: str) -> bool:
    return any(
        len(number) in lengths and low <= number[: len(low)] and number[: len(high)] <= high
        for low, high, lengths in _CARDS
    )


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[0::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


# --- telephone numbers

_E164 = re.compile(
    rf"{at_word('[+]')}(?<![+.=(-][+])(?P<number>[1-9](?:[ .()/-]{{0,2}}[0-9]){{6,14}}+)"
    r"(?![A-Za-z0-9_%]|[.,:/+-][0-9])"
)
_NANP = later(
    rf"(?:[(](?P<area1>[2-9][0-9]{{2}})[)] ?|{at_word('[2-9]')}(?<![+./:=#-][2-9])(?P<rest>[0-9]{{2}})(?P<gap>[-.]))"
    r"(?P<exchange>[2-9][0-9]{2})(?(gap)(?P=gap)|[-. ])(?P<line>[0-9]{4})(?![A-Za-z0-9_]|[.,:/-][0-9])"
)
_PHONE_WORD = later(r"(?i:\b(?:tel|phone|telephone|mobile|cell|call|fax|whatsapp|text|dial|contact|reach|ring)\b)")
_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
# Set aside for fiction: Ofcom (United Kingdom), ACMA (Australia), ARCEP (France), and what nobody has.
_FICTION = later(
    r"1[2-9][0-9]{2}55501[0-9]{2}|1555[0-9]{7}|447700900[0-9]{3}|44(?:20794600|11[3-9]4960|1[2-6]14960|1632960)[0-9]{2,3}"
    r"|61(?:491570[0-9]{3}|[2378]5550[0-9]{4}|[2378]7010[0-9]{4})|33(?:19900|26191|35301|46571|53649|63998)[0-9]{4}"
    r"|49(?:30|40|69|89|221)(?:23125|66969|90009|99998|4710)[0-9]{2,4}|.*(?:123456|234567|987654|000000|111111|999999).*"
)
_COUNTRY = later(
    r"1[2-9][0-9]{9}|7[0-9]{10}|2(?:0|7)[0-9]{7,10}|2[1-689][0-9][0-9]{6,9}|3[0-469][0-9]{7,11}|3[578][0-9][0-9]{6,10}|"
    r"4[013-9][0-9]{7,12}|42[013][0-9]{7,9}|5[1-8][0-9]{7,11}|5[09][0-9][0-9]{6,9}|6[0-6][0-9]{7,11}|6[789][0-9][0-9]{5,8}|"
    r"8[1246][0-9]{7,11}|8[5578][0-9][0-9]{6,9}|9[0-58][0-9]{7,11}|9[679][0-9][0-9]{6,9}"
)


def _phones(text: str) -> Iterator[Match]:
    for match in _E164.finditer(text) if "+" in text else ():
        digits = re.sub("[^0-9]", "", match["number"])
        grouped = len(digits) < len(match["number"])
        # Bare digits behind a plus are as often a difference: that many need a word that says what they are.
        named = _PHONE_WORD.search(text, max(match.start() - 48, 0), match.start())
        if _COUNTRY.fullmatch(digits) and not _is_free(digits) and (grouped or named or len(digits) >= _WHOLE):
            yield _phone(match.start(), digits)
    for match in _NANP.finditer(text):
        area = match["area1"] or match[0][:3]
        digits = f"1{area}{match['exchange']}{match['line']}"
        named = _PHONE_WORD.search(text, max(match.start() - 48, 0), match.start())
        if (match["area1"] or named) and area[1:] != "11" and match["exchange"][1:] != "11" and not _is_free(digits):
            yield _phone(match.start(), digits)


_WHOLE = 11  # digits of a number with its country, which hardly anything else has behind a plus


def _is_free(digits: str) -> bool:
    return bool(_FICTION.fullmatch(digits)) or (digits[0] == "1" and digits[1:4] in _FREE)


def _phone(start: int, digits: str) -> Match:
    return Match(start, digits, f"a telephone number stands in this file: ...{digits[-2:]}")


RULES: tuple[type[Rule], ...] = (PersonalData,)
