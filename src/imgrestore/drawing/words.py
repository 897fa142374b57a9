"""Words that mean nothing: made of syllables, of random letters, and of digits, in several scripts.

A network that learns from them learns the shapes of letters, and cannot guess what a word should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_SYMBOLS = "§©®°±×÷€£¥#%&@*+=<>/"

MARKS = "0123456789.,;:?!()[]{}“”\"'–•-_" + _SYMBOLS
"""What stands between letters."""


@dataclass(frozen=True)
class Script:
    """Letters that words are made of.

    Attributes:
        name: What the script or the group of languages is called.
        consonants: Some of them, frequent ones several times.
        vowels: Likewise; without any, words are made of the others alone, and stand without spaces between them.
    """

    name: str
    consonants: str
    vowels: str = ""

    @property
    def letters(self) -> str:
        """All letters."""
        return self.consonants + self.vowels

    @property
    def space(self) -> str:
        """What stands between words."""
        return " " if self.vowels else ""


SCRIPTS = (
    Script("latin", "ttttnnnnsssrrrddlllhhcmmffppggwwbbvkjqxz", "eeeeeaaaaoooiiiuuy"),
    Script(
        "western",
        "ttttnnnnssssrrrrddddllllcccchhhhmmmmppppggbbvvffjkwçñßðþ",
        "eeeeeeeeaaaaaaaaooooooiiiiiiuuuuéèêëàáâãäåæíîïóôõöøœúùûüÿ",
    ),
    Script(
        "central",
        "ttttnnnnssssrrrrllllkkkkmmmmppppccczzzddddbbbvvjčćďđğĺľłńňŕřśšşťţźżž",
        "aaaaaaaeeeeeeeiiiiiooooouuuuyyáąăâéęěíóôőúůűýı",
    ),
    Script("greek", "ττνννσσσρρλλκκππμμδγθχβφξζψ", "αααοοοιιεεηηυωάέήίόύώ"),
    Script("cyrillic", "ннттссррввллккммддппзбгчхшжцщфъь", "оооеееааиииыяуюэйёіїє"),
    Script("hebrew", "ילמרהבתנשדכפקחעגסטזצץףןםך", "אוי"),
    Script("armenian", "նրմտսկլդվպղհյգբթշչխծձզժջռցքփ", "աեիոըէօ"),
    Script(
        "kana",
        "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんアイウカキクケコサシスセタチツテトナニネノハヒフマミムメモヤユヨラリルレロワン",
    ),
    Script(
        "han",
        "的一是不了人在有我他中大来上国和地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现"
        "当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高間電車書語龍鬱驛議識權觀體廳灣",
    ),
)


@dataclass(frozen=True)
class Vocabulary:
    """Words of one script, from which texts are put together.

    Attributes:
        script: Their letters.
        entries: The words.
    """

    script: Script
    entries: tuple[str, ...]

    @classmethod
    def of(cls, rng: np.random.Generator, script: Script, size: int = 200) -> Vocabulary:
        """Make words up."""
        return cls(script, tuple(_word(rng, script) for _ in range(size)))

    def words(self, rng: np.random.Generator, count: int) -> list[str]:
        """Return some words, a few of them numbers."""
        picked = rng.integers(len(self.entries), size=count)
        numbers = rng.random(count) < 0.06
        return [number(rng) if is_number else self.entries[i] for i, is_number in zip(picked, numbers, strict=True)]

    def title(self, rng: np.random.Generator, longest: int = 3) -> str:
        """Return up to so many words as they stand in titles and labels."""
        text = self.script.space.join(self.words(rng, int(rng.integers(1, longest + 1))))
        return text.upper() if rng.random() < 0.12 else text[:1].upper() + text[1:]

    def sentence(self, rng: np.random.Generator) -> list[str]:
        """Return the words of a sentence with its marks."""
        words = self.words(rng, int(rng.integers(4, 18)))
        words[0] = words[0][:1].upper() + words[0][1:]
        for i in np.flatnonzero(rng.random(len(words) - 1) < 0.14):
            open_mark, close_mark = pick(rng, [("", ","), ("", ","), ("", ";"), ("(", ")"), ("“", "”"), ("", ":")])
            words[i] = f"{open_mark}{words[i]}{close_mark}"
        words[-1] += pick(rng, ".....?!")
        return words


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Return one of some things."""
    return choices[int(rng.integers(len(choices)))]


def _word(rng: np.random.Generator, script: Script) -> str:
    letters = script.letters
    if not script.vowels:
        return "".join(pick(rng, letters) for _ in range(rng.integers(1, 6)))
    if rng.random() < 0.25:
        word = "".join(pick(rng, letters) for _ in range(rng.integers(1, 10)))
    else:
        starts = bool(rng.integers(2))
        length = int(rng.integers(2, 11))
        word = "".join(pick(rng, script.vowels if (i + starts) % 2 else script.consonants) for i in range(length))
    chance = rng.random()
    return word.upper() if chance < 0.03 else word.capitalize() if chance < 0.15 else word


def number(rng: np.random.Generator) -> str:
    """Return a number, an amount, a date, a time, a share or a code."""
    form = rng.integers(7)
    if form == 0:
        return str(rng.integers(10 ** int(rng.integers(1, 7))))
    if form == 1:
        return f"{rng.uniform(-100, 10000):,.2f}"
    if form == 2:
        parts = (f"{rng.integers(1, 29):02d}", f"{rng.integers(1, 13):02d}", str(rng.integers(1900, 2100)))
        return pick(rng, "./-").join(parts)
    if form == 3:
        return f"{rng.integers(24):02d}:{rng.integers(60):02d}"
    if form == 4:
        return f"{rng.uniform(0, 100):.1f}%"
    if form == 5:
        return pick(rng, _SYMBOLS) + str(rng.integers(1000))
    return "".join(pick(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") for _ in range(rng.integers(3, 9)))


def code_lines(rng: np.random.Generator, vocabulary: Vocabulary, count: int) -> list[list[tuple[str, str]]]:
    """Return lines that look like those of a program, as pieces with what they are.

    Returns:
        For each line its pieces: ``plain``, ``keyword``, ``text`` or ``remark``, and the words.
    """
    depth = 0
    lines: list[list[tuple[str, str]]] = []
    for _ in range(count):
        name, other = (word.lower() for word in vocabulary.words(rng, 2))
        form = rng.integers(7)
        indent = ("plain", "    " * depth)
        if form == 0:
            lines.append(
                [
                    indent,
                    ("keyword", pick(rng, ["if ", "for ", "while ", "def ", "fn "])),
                    ("plain", f"{name}({other}) {{"),
                ]
            )
            depth = min(depth + 1, 4)
        elif form == 1:
            depth = max(depth - 1, 0)
            lines.append([("plain", "    " * depth + "}")])
        elif form == 2:
            lines.append([indent, ("plain", f"{name} = "), ("text", f'"{other} {number(rng)}"'), ("plain", ";")])
        elif form == 3:
            lines.append([indent, ("remark", f"// {' '.join(vocabulary.words(rng, int(rng.integers(2, 7))))}")])
        elif form == 4:
            lines.append([indent, ("keyword", "return "), ("plain", f"{name}[{rng.integers(100)}] * {other};")])
        elif form == 5:
            lines.append([])
        else:
            lines.append([indent, ("plain", f"{name}.{other}({number(rng)}, &{name}_{rng.integers(9)});")])
    return lines
