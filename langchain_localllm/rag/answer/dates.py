"""Read dates in a text, however they are written, to compare an answer with its passages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_NAMES: Final = (
    (
        "January Januar Jänner januari janvier enero gennaio stycznia styczeń janeiro ianuarie "
        "ocak января январь січня січень ιανουαρίου ιανουάριος jan"
    ),
    (
        "February Februar februari février febrero febbraio lutego luty fevereiro februarie şubat "
        "февраля февраль лютого лютий φεβρουαρίου φεβρουάριος feb"
    ),
    (
        "March März maart mars marzo marca marzec março martie mart marts марта март березня "
        "березень μαρτίου μάρτιος mar mrz"
    ),
    (
        "April avril abril aprile kwietnia kwiecień aprilie nisan апреля апрель квітня квітень "
        "απριλίου απρίλιος apr"
    ),
    "May Mai mei mayo maggio maja maj maio may\u0131s мая май травня травень μαΐου μάιος",
    (
        "June Juni juin junio giugno czerwca czerwiec junho iunie haziran июня июнь червня червень "
        "ιουνίου ιούνιος jun"
    ),
    (
        "July Juli juillet julio luglio lipca lipiec julho iulie temmuz июля июль липня липень "
        "ιουλίου ιούλιος jul"
    ),
    (
        "August augustus août agosto sierpnia sierpień ağustos августа август серпня серпень "
        "αυγούστου αύγουστος aug"
    ),
    (
        "September septembre septiembre settembre września wrzesień setembro septembrie eylül "
        "сентября сентябрь вересня вересень σεπτεμβρίου σεπτέμβριος sep sept"
    ),
    (
        "October Oktober octobre octubre ottobre października październik outubro octombrie ekim "
        "октября октябрь жовтня жовтень οκτωβρίου οκτώβριος oct okt"
    ),
    (
        "November novembre noviembre listopada listopad novembro noiembrie kas\u0131m ноября "
        "ноябрь листопада листопад νοεμβρίου νοέμβριος nov"
    ),
    (
        "December Dezember decembre décembre diciembre decembrie grudnia grudzień dezembro "
        "dicembre aral\u0131k декабря декабрь грудня грудень δεκεμβρίου δεκέμβριος desember dec dez"
    ),
)
_ENGLISH: Final = tuple(names.split()[0] for names in _NAMES)
_MONTHS: Final = {
    name.lower(): month for month, names in enumerate(_NAMES, 1) for name in names.split()
}
_LEAST_LETTERS: Final = 5
"""Of the name of a month that has no number next to it: a shorter one, such as `mars`, is often
another word."""
_SHORT_NAMES: Final = {"june", "july", "juni", "juli"}
_OTHER_WORDS: Final = {"march", "marca"}
_LAST_MONTH: Final = 12
_LAST_DAY: Final = 31
_VERBS: Final = {"march", "may"}
"""Names that are no months in small letters."""
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_DAY_BEFORE: Final = re.compile(
    r"(?<![\d.,:/-])(\d{1,2})(?:st|nd|rd|th|er|[.º])?\s{1,2}(?:(?:of|de|di)\s|d['\u2019])?$",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"\.?,?(?:\s{1,2}(\d{1,2})(?:st|nd|rd|th)?(?![\d:/%-]|[.,]\d))?"
    r"(?:,?\s{1,2}(?:(?:of|de|del)\s)?(\d{4})(?![\d:/]|[.,]\d))?",
    re.IGNORECASE,
)
_LONGEST_BEFORE: Final = 12
_NUMERIC: Final = re.compile(
    r"(?<![\d.,:/-])(?:"
    r"(?P<y1>\d{4})-(?P<m1>\d\d)-(?P<d1>\d\d)"
    r"|(?P<d2>\d{1,2})\.\s?(?P<m2>\d{1,2})\.\s?(?P<y2>\d{4})"
    r"|(?P<d3>\d{1,2})/(?P<m3>\d{1,2})/(?P<y3>\d{4})"
    r"|(?P<y4>\d{4})\s?[年년]\s?(?P<m4>\d{1,2})\s?[月월]\s?(?P<d4>\d{1,2})\s?[日일]"
    r")(?![\d/]|[.,:-]\d)"
)


@dataclass(frozen=True, slots=True)
class Date:
    """Hold what a text says of a date; 0 for what it does not say.

    `is_ambiguous` of `03/04/2026`, in which either number can be the month.
    """

    year: int
    month: int
    day: int
    is_ambiguous: bool = False

    def terms(self, *, all_forms: bool) -> set[str]:
        """Return the term of the date, or all terms that a text with this date contains.

        `parts_of_date` says which of them add up to a date.

        Example:
            >>> Date(2026, 12, 31).terms(all_forms=False)
            {'2026-12-31'}
            >>> sorted(Date(0, 12, 31).terms(all_forms=True))
            ['--12-31', '12-31', '31', 'December']
        """
        if self.is_ambiguous:
            either = {f"{self.year}-{self.month:02}/{self.day:02}"}
            if not all_forms:
                return either
            return either.union(
                Date(self.year, self.month, self.day).terms(all_forms=True),
                Date(self.year, self.day, self.month).terms(all_forms=True),
            )
        year, month, day = f"{self.year}", f"{self.month:02}", f"{self.day:02}"
        name = _ENGLISH[self.month - 1]
        if not all_forms:
            parts = ([year] if self.year else []) + [month] + ([day] if self.day else [])
            return {"-".join(parts)} if len(parts) > 1 else {name}
        terms = {name}
        if self.day:
            terms |= {f"{month}-{day}", f"{self.day}"}
        if self.year:
            terms |= {year, f"{year}-{month}"}
        else:
            terms.add(f"--{month}-{day}" if self.day else f"--{month}")
        if self.year and self.day:
            low, high = sorted((self.month, self.day))
            terms |= {f"{year}-{month}-{day}", f"{year}-{low:02}/{high:02}"}
        return terms


def read_dates(text: str) -> tuple[list[Date], str]:
    """Return the dates of a text, also months, and the text with `)` in place of each.

    Example:
        >>> [date], rest = read_dates("Er endet am 31. Dezember 2026.")
        >>> (date.year, date.month, date.day), rest
        ((2026, 12, 31), 'Er endet am ).')
    """
    dates: list[Date] = []

    def replace(found: re.Match[str]) -> str:
        date = _numeric(found)
        if date:
            dates.append(date)
        return ")" if date else found[0]

    text = _NUMERIC.sub(replace, text)
    rest, place = "", 0
    for word in _WORD.finditer(text):
        month = _MONTHS.get(word[0].lower())
        if not month or word.start() < place or word[0] in _VERBS:
            continue
        before_at = max(place, word.start() - _LONGEST_BEFORE)
        before = _DAY_BEFORE.search(text, before_at, word.start())
        after = _AFTER.match(text, word.end())
        day = int(before[1]) if before else 0
        year, end = 0, word.end()
        if after:
            year, end = int(after[2] or 0), after.end() if after[1] or after[2] else end
            if after[1] and not day:
                day = int(after[1])
            elif after[1]:  # "on 5 May 12 boats": another number
                year, end = 0, word.end()
        if day > _LAST_DAY or not (day or year or _is_surely_month(word[0].lower())):
            continue
        dates.append(Date(year, month, day))
        rest += text[place : before.start() if before else word.start()] + ")"
        place = end
    return dates, rest + text[place:]


def _numeric(found: re.Match[str]) -> Date | None:
    parts = found.groupdict()
    for form in "1234":
        if not parts[f"y{form}"]:
            continue
        year, month, day = (int(parts[f"{part}{form}"]) for part in "ymd")
        if form == "3" and max(month, day) > _LAST_MONTH >= min(month, day):
            month, day = sorted((month, day))
        is_ambiguous = form == "3" and month != day and max(month, day) <= _LAST_MONTH
        if is_ambiguous:
            month, day = sorted((month, day))
        if 1 <= month <= _LAST_MONTH and 1 <= day <= _LAST_DAY:
            return Date(year, month, day, is_ambiguous)
    return None


def _is_surely_month(word: str) -> bool:
    return word in _SHORT_NAMES or (len(word) >= _LEAST_LETTERS and word not in _OTHER_WORDS)


def is_month(term: str) -> bool:
    """Return whether a term is a month without a day or a year."""
    return term in _ENGLISH


def parts_of_date(term: str) -> Iterator[set[str]]:
    """Yield the terms that add up to a date: its year can be elsewhere, as in a heading.

    Example:
        >>> [sorted(terms) for terms in parts_of_date("2026-12-31")]
        [['--12-31', '2026']]
    """
    if re.fullmatch(r"\d{4}-\d\d(?:-\d\d)?", term):
        year, rest = term.split("-", 1)
        yield {year, f"--{rest}"}
