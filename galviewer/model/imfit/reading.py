"""imfit's configuration files, and the parameter files of finished fits, to setups."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from galviewer.errors import ModelError
from galviewer.model.description import Component, Model, Tie
from galviewer.model.imfit.functions import FUNCTIONS, KING2, THICK, Function
from galviewer.model.leftovers import Leftover

_LABEL = re.compile(r"#\s*LABEL\s+(.*\S)")
_PRELUDE = {"GAIN": "gain", "READNOISE": "read_noise", "ORIGINAL_SKY": "sky", "NCOMBINED": "combined",
            "EXPTIME": "exposure", "NCOLS": "columns", "NROWS": "rows"}  # fmt: skip


@dataclass(frozen=True)
class ImfitSetup:
    """An imfit configuration: the model and what surrounds it.

    Parameters
    ----------
    model : Model
        What is fitted.
    zeropoint : float
        Magnitude of one count; imfit knows none.
    gain, read_noise, sky : float or None
        Electrons per count, electrons, and the level subtracted earlier, for the noise.
    combined : int
        Images of which the image is the mean.
    exposure : float or None
        Seconds, where counts are per second.
    shape : (int, int) or None
        Rows and columns of the image.
    leftovers : tuple of Leftover
        What the model cannot hold; written back where it stood.
    path : Path or None
        The file; not compared.
    """

    model: Model
    zeropoint: float = 0.0
    gain: float | None = None
    read_noise: float | None = None
    sky: float | None = None
    combined: int = 1
    exposure: float | None = None
    shape: tuple[int, int] | None = None
    leftovers: tuple[Leftover, ...] = ()
    path: Path | None = field(default=None, compare=False)

    @property
    def unrepresented(self) -> tuple[str, ...]:
        """What the file says and the model does not, one sentence each."""
        return tuple(str(leftover) for leftover in self.leftovers)


@dataclass(frozen=True)
class _Value:
    """One parameter as the file gives it."""

    value: float
    lower: float | None
    upper: float | None
    fixed: bool
    line: int
    text: str


@dataclass
class _Block:
    """One function with its parameters, and the centre of its set."""

    name: str
    label: str
    line: int
    centre: dict[str, _Value]
    first: bool
    values: dict[str, _Value] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def read_imfit(path: str | Path, zeropoint: float = 0.0, shape: tuple[int, int] | None = None) -> ImfitSetup:
    """Read an imfit configuration, or the best-fit parameters that imfit wrote.

    Parameters
    ----------
    path : path
        The file.
    zeropoint : float
        Magnitude of one count.
    shape : (int, int), optional
        Rows and columns of the image, needed where a tilted sky is free.

    Raises
    ------
    ModelError
        If the file cannot be read or a line makes no sense; the message names file and line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(str(file), f"cannot be read ({error})", "an imfit configuration") from error
    return dataclasses.replace(from_imfit(text, zeropoint, shape, file.name), path=file)


def from_imfit(
    text: str,
    zeropoint: float = 0.0,
    shape: tuple[int, int] | None = None,
    whose: str = "imfit configuration",
) -> ImfitSetup:
    """The setup of an imfit configuration's text.

    Parameters
    ----------
    text : str
        The configuration.
    zeropoint : float
        Magnitude of one count.
    shape : (int, int), optional
        Rows and columns of the image.
    whose : str
        Name for messages.

    Raises
    ------
    ModelError
        If a line makes no sense.
    """
    head, blocks, left = _blocks(text, whose)
    if not blocks:
        raise ModelError(whose, "has no function", "X0, Y0, and FUNCTION Sersic or another")
    if "columns" in head and "rows" in head:
        shape = shape or (int(head["rows"]), int(head["columns"]))
    reader = _Reader(whose, zeropoint, shape, left)
    model = reader.model(blocks)
    return ImfitSetup(
        model, zeropoint, head.get("gain"), head.get("read_noise"), head.get("sky"),
        int(head.get("combined", 1)), head.get("exposure"), shape, tuple(left),
    )  # fmt: skip


def _blocks(text: str, whose: str) -> tuple[dict[str, float], list[_Block], list[Leftover]]:
    """The prelude, the functions, and lines that belong to neither."""
    head: dict[str, float] = {}
    blocks: list[_Block] = []
    left: list[Leftover] = []
    centre: dict[str, _Value] = {}
    first = optional = False
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.split("#")[0].split()
        if not words:
            continue
        key = words[0].upper()
        if key.startswith("OPTIONAL_PARAMS") or optional:
            if blocks:
                blocks[-1].options.append(raw.strip())
            else:
                left.append(Leftover(raw.strip(), "galviewer has no such option", "prelude", number))
            optional = key != "OPTIONAL_PARAMS_END" and (optional or key == "OPTIONAL_PARAMS_START")
        elif len(words) < 2:
            raise ModelError(f"{whose} line {number}", f"is '{raw.strip()}'", "a name and a value")
        elif key in ("X0", "Y0"):
            centre, first = ({} if key == "X0" else centre), True
            centre[key] = _value(words, number, raw, whose)
        elif key == "FUNCTION":
            if len(centre) < 2:
                raise ModelError(
                    f"{whose} line {number}", "a function without a centre", "X0 and Y0 before it"
                )
            label = _LABEL.search(raw)
            blocks.append(
                _Block(words[1], label[1] if label else "", number, centre, first, text=[raw.strip()])
            )
            first = False
        elif blocks and not (first or key in _PRELUDE):
            blocks[-1].values[words[0]] = _value(words, number, raw, whose)
            blocks[-1].text.append(raw.strip())
        elif key in _PRELUDE:
            head[_PRELUDE[key]] = _value(words, number, raw, whose).value
        else:
            left.append(Leftover(raw.strip(), "no counterpart in galviewer", "prelude", number))
    return head, blocks, left


def _value(words: list[str], line: int, raw: str, whose: str) -> _Value:
    """``NAME value [low,high | fixed] [+/- error]``."""

    def number(word: str) -> float:
        try:
            return float(word)
        except ValueError:
            raise ModelError(f"{whose} line {line}", f"has '{word}' in '{raw.strip()}'", "a number") from None

    value = number(words[1])
    rest = "".join(words[2:]).split("+/-")[0]
    if not rest:
        return _Value(value, None, None, False, line, raw.strip())
    if rest.lower() == "fixed":
        return _Value(value, None, None, True, line, raw.strip())
    limits = rest.split(",")
    if len(limits) != 2:
        raise ModelError(f"{whose} line {line}", f"has limits '{rest}'", "low,high or fixed")
    low, high = map(number, limits)
    if not low <= value <= high:
        raise ModelError(
            f"{whose} line {line}", f"value {value:g} with limits {low:g},{high:g}", "a value inside"
        )
    if low == high:
        return _Value(value, None, None, True, line, raw.strip())
    return _Value(value, low, high, False, line, raw.strip())


class _Reader:
    """The functions of one file, turned into components one after another."""

    def __init__(
        self, whose: str, zeropoint: float, shape: tuple[int, int] | None, left: list[Leftover]
    ) -> None:
        self.whose, self.zeropoint, self.shape, self.left = whose, zeropoint, shape, left

    def model(self, blocks: list[_Block]) -> Model:
        """All components; those of one set share the centre of its first."""
        components: list[Component] = []
        centred = ""
        for index, block in enumerate(blocks, start=1):
            centred = "" if block.first else centred
            function = self._function(block)
            if function is None:
                reason = f"galviewer has no '{block.name}'; the function is left out"
                self.left.append(Leftover("\n".join(block.text), reason, "function", block.line))
                continue
            name = self._name(block, blocks, index, {component.name for component in components})
            component = Component(name, function.profile)
            if "x" in component.declaration.parameter_names:
                component = self._centred(component, block, centred)
                centred = centred or name
            components.append(self._filled(component, function, block))
            if block.options:
                text = "\n".join(block.options)
                reason = "galviewer has no such option"
                self.left.append(Leftover(text, reason, f"options {name}", block.line))
        if not components:
            known = ", ".join(function.name for function in FUNCTIONS.values())
            raise ModelError(self.whose, "has no function that galviewer knows", known)
        return Model(tuple(components))

    @staticmethod
    def _name(block: _Block, blocks: list[_Block], index: int, used: set[str]) -> str:
        plain = re.sub(r"[^A-Za-z0-9]", "", block.name).lower()
        alone = sum(other.name.lower() == block.name.lower() for other in blocks) == 1
        label = block.label if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", block.label) else ""
        wanted = label or (plain if alone else f"{plain}{index}")
        return wanted if wanted not in used and wanted not in ("name", "orders") else f"{plain}{index}"

    @staticmethod
    def _function(block: _Block) -> Function | None:
        if block.name.lower() == "modifiedking2":
            return KING2
        vertical = block.values.get("n")
        if block.name.lower() == "edgeondisk" and vertical and not (vertical.fixed and vertical.value == 1.0):
            return THICK
        return FUNCTIONS.get(block.name.lower())

    def _centred(self, component: Component, block: _Block, other: str) -> Component:
        for name, key in (("x", "X0"), ("y", "Y0")):
            given = block.centre[key]
            if other:
                component = component.replace(name, tied=Tie(f"{other}.{name}"))
                continue
            lower, upper = (None if end is None else end - 1.0 for end in (given.lower, given.upper))
            component = _given(component, name, given.value - 1.0, lower, upper, given.fixed)
        return component

    def _filled(self, component: Component, function: Function, block: _Block) -> Component:
        """All parameters but the centre."""
        if len(block.values) == len(function.labels):  # imfit goes by their order, not by their names
            block.values = dict(zip(function.labels, block.values.values(), strict=True))
        missing = set(function.labels) - set(block.values)
        unknown = set(block.values) - set(function.labels)
        if missing or unknown:
            what = f"{block.name} lacks {sorted(missing)}" if missing else f"has no {sorted(unknown)}"
            whose = f"{self.whose} line {block.line}"
            raise ModelError(whose, what, "the parameters " + ", ".join(function.labels))
        for name, value in function.held.items():
            component = component.replace(name, start=value, fixed=True)
        ours: dict[str, float] = {"boxiness": 0.0, **function.held}
        amplitude: _Value | None = None
        for label, name in function.labels.items():
            given = block.values[label]
            if name == "mag":
                amplitude = given
            elif function is KING2 and label == "c":
                component = self._concentration(component, given, ours)
            elif name in component.declaration.parameter_names:
                component = self._one(component, function, name, given, ours)
        if component.declaration.kind == "sky":
            return self._tilted(component, block)
        assert amplitude is not None
        return self._bright(component, function, amplitude, ours)

    @staticmethod
    def _one(
        component: Component, function: Function, name: str, given: _Value, ours: dict[str, float]
    ) -> Component:
        factor = function.factors.get(name, 1.0)
        ends = [given.lower, given.value, given.upper]
        if name == "q":
            ends = [None if end is None else 1.0 - end for end in reversed(ends)]
        lower, value, upper = (None if end is None else _tidy(end * factor) for end in ends)
        assert value is not None
        ours[name] = value
        return _given(component, name, value, lower, upper, given.fixed)

    def _concentration(self, component: Component, given: _Value, ours: dict[str, float]) -> Component:
        """r_t = c r_c: a tie where c is held, a start value where it is free."""
        ours["r_t"] = given.value * ours["r_c"]
        if given.fixed:
            return component.replace("r_t", tied=Tie(f"{component.name}.r_c", given.value))
        if given.lower is not None:
            text = f"{given.lower:g},{given.upper:g}"
            self.left.append(Leftover(given.text, f"limits {text} of a ratio; r_t has none", line=given.line))
        return component.replace("r_t", start=_tidy(ours["r_t"]), fixed=False)

    def _bright(
        self, component: Component, function: Function, given: _Value, ours: dict[str, float]
    ) -> Component:
        """The brightness parameter as a total magnitude, its limits too where nothing else can vary."""
        flux = function.flux(ours)
        if not (math.isfinite(flux) and flux > 0 and given.value > 0):
            reason = "a brightness without finite total light above 0; the magnitude is measured instead"
            self.left.append(Leftover(given.text, reason, line=given.line))
            return component.replace("mag", fixed=False)
        mag = self._mag(given.value * flux)
        shape = [p for p in component.parameters if p.name not in ("x", "y", "mag", "pa")]
        if given.lower is None or given.upper is None:
            return _given(component, "mag", mag, None, None, given.fixed)
        if all(p.fixed for p in shape):
            lower = self._mag(given.upper * flux) if given.upper > 0 else math.inf
            return _given(component, "mag", mag, lower, self._mag(given.lower * flux), given.fixed)
        text = f"{given.lower:.10g},{given.upper:.10g}"
        reason = f"limits {text} of a brightness are none of the total magnitude while the shape varies"
        self.left.append(Leftover(text, reason, f"limits {component.name}.mag", given.line))
        return _given(component, "mag", mag, None, None, given.fixed)

    def _mag(self, flux: float) -> float:
        return math.inf if flux <= 0 else _tidy(self.zeropoint - 2.5 * math.log10(flux))

    def _tilted(self, component: Component, block: _Block) -> Component:
        """A plane of imfit passes its level at X0, Y0; ours at the image's centre."""
        if component.profile != "tilted_sky":
            return component
        slopes = [component.parameter(name) for name in ("slope_x", "slope_y")]
        if all(slope.fixed and slope.start == 0.0 for slope in slopes):
            return component
        if self.shape is None:
            reason = "the level is that at X0, Y0: give the image's shape to move it to the image's centre"
            self.left.append(Leftover("\n".join(block.text), reason, line=block.line))
            return component
        away = [0.5 * (size - 1) - (block.centre[key].value - 1.0)
                for key, size in (("X0", self.shape[1]), ("Y0", self.shape[0]))]  # fmt: skip
        level = component.parameter("level")
        shift = sum((slope.start or 0.0) * step for slope, step in zip(slopes, away, strict=True))
        return component.replace(
            "level", start=_tidy((level.start or 0.0) + shift), lower=-math.inf, upper=math.inf
        )


def _tidy(value: float) -> float:
    """Twelve digits: without those that a conversion adds."""
    return float(f"{value:.12g}")


def _given(
    component: Component, name: str, value: float, lower: float | None, upper: float | None, fixed: bool
) -> Component:
    """A parameter with what the file says, inside the profile's own bounds where they can meet."""
    declared = component.parameter(name)
    low = declared.lower if lower is None else max(lower, declared.lower)
    high = declared.upper if upper is None else min(upper, declared.upper)
    return component.replace(name, start=value, fixed=fixed, lower=min(low, value), upper=max(high, value))
