"""GALFIT's input files to setups: feedme files, and the ``galfit.NN`` files of finished fits."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
from pathlib import Path
from typing import Any

from galviewer import profiles
from galviewer.errors import ModelError
from galviewer.model.description import Component, Model
from galviewer.model.galfit.constraints import apply_constraints
from galviewer.model.galfit.fitlog import from_log, is_log
from galviewer.model.galfit.objects import HIDDEN, SPIRAL, TYPES, GalfitType, brightness_offset
from galviewer.model.galfit.setup import GalfitSetup
from galviewer.model.galfit.syntax import Block, Line, number, split
from galviewer.model.leftovers import Leftover

_CONTROL = set("ABCDEFGHIJKOP")
_NONE = {"", "none"}
_HDU = re.compile(r"(.*?)((?:\[[^\]]*\])+)\Z")


def read_galfit(path: str | Path) -> GalfitSetup:
    """Read a GALFIT input file and the constraint file that it names.

    Parameters
    ----------
    path : path
        A feedme file, GALFIT's ``galfit.NN``, or ``fit.log``, of which the last fit is taken. The constraint
        file is looked for beside it, then where we are.

    Returns
    -------
    GalfitSetup
        `unrepresented` names what the model cannot hold.

    Raises
    ------
    ModelError
        If a file cannot be read or a line makes no sense; the message names file and line.
    """
    file = Path(path)
    text = _text(file)
    if is_log(text):
        text, odd = from_log(text, file.name)
        told = tuple(Leftover(line, "is not understood in a fit.log") for line in odd)
        setup = from_galfit(text, whose=file.name)
        return dataclasses.replace(setup, path=file, leftovers=(*setup.leftovers, *told))
    wanted = next(iter(_words(text, "G")), "")
    constraints = ""
    if wanted.lower() not in _NONE:
        found = [
            place
            for place in (file.parent / wanted, file.parent / Path(wanted).name, Path(wanted))
            if place.is_file()
        ]
        if not found:
            missing = Leftover(
                f"G) {wanted}", "the constraint file is not there; its limits and couplings are missing"
            )
            setup = from_galfit(text, whose=file.name)
            return dataclasses.replace(setup, path=file, leftovers=(*setup.leftovers, missing))
        constraints = _text(found[0])
    return dataclasses.replace(from_galfit(text, constraints, file.name), path=file)


def from_galfit(text: str, constraints: str = "", whose: str = "feedme") -> GalfitSetup:
    """The setup of a GALFIT input file's text.

    Parameters
    ----------
    text : str
        The input file.
    constraints : str
        The constraint file, if any.
    whose : str
        Name for messages.

    Raises
    ------
    ModelError
        If a line makes no sense.
    """
    lines, blocks = split(text, whose)
    if not blocks:
        raise ModelError(
            whose, "has no objects", "at least one object that begins with '0) sersic' or another"
        )
    values, leftovers = _control(lines, whose)
    reader = _Reader(whose, values.get("plate_scale", (1.0, 1.0)), values.get("region"), leftovers)
    components = reader.components(blocks)
    if not components:
        raise ModelError(whose, "has no object that galviewer knows", "one of " + ", ".join(TYPES))
    model = Model(tuple(components.values()))
    if constraints:
        model, more = apply_constraints(model, constraints, reader.kinds, whose, reader.first)
        leftovers += more
    return GalfitSetup(model, hidden=tuple(reader.hidden), leftovers=tuple(leftovers), **values)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(str(file), f"cannot be read ({error})", "a GALFIT input file") from error


def _words(text: str, key: str) -> tuple[str, ...]:
    found = re.search(rf"^[ \t]*{key}\)[ \t]*([^#\n]*)", text, re.MULTILINE)
    return tuple(found[1].split()) if found else ()


def _control(lines: list[Line], whose: str) -> tuple[dict[str, Any], list[Leftover]]:
    """Fields of the setup, and control parameters that it does not know."""
    found: dict[str, Any] = {}
    left: list[Leftover] = []
    by_key = {line.key: line for line in lines}
    names = {
        "A": "image",
        "B": "output",
        "C": "sigma",
        "D": "psf",
        "F": "mask",
        "G": "constraints",
        "O": "display",
    }
    for line in lines:
        if line.key not in _CONTROL:
            if line.key not in ("A1", "A2") or any("," in word for word in line.words):
                left.append(Leftover(line.text, "no counterpart in galviewer", "control", line.number))
        elif line.key in names:
            value = line.words[0] if line.words else ""
            if line.key in "ABCDF" and "," in re.sub(r"\[.*?\]", "", value):
                raise ModelError(
                    f"{whose} line {line.number}", f"names files of several bands: '{value}'", "one file",
                    "galviewer fits one image at a time; write one file per band",
                )  # fmt: skip
            found[names[line.key]] = "" if value.lower() in _NONE else value
            if line.key == "D" and len(line.words) > 1:
                left.append(Leftover(line.words[1], "a diffusion kernel is not applied", "D", line.number))
            if line.key == "C" and len(line.words) > 1:
                left.append(Leftover(line.words[1], "a least sigma is not applied", "C", line.number))
    found |= _numbers(by_key, whose)
    image = _HDU.match(found.get("image", ""))
    if image is not None:
        parts = re.findall(r"\[([^\]]*)\]", image[2])
        found["image"] = image[1]
        region = next((p for p in parts if re.fullmatch(r"\d+:\d+,\d+:\d+", p)), None)
        if region is not None and found.get("region") is None:
            found["region"] = tuple(int(word) for word in re.split("[:,]", region))
        found["image_hdu"] = next((p for p in parts if p != region), "")
    return {key: value for key, value in found.items() if value is not None}, left


def _numbers(by_key: dict[str, Line], whose: str) -> dict[str, Any]:
    """Control parameters that are numbers."""

    def read(key: str, count: int, kind: Any = int) -> Any:
        line = by_key.get(key)
        if line is None or not line.words or line.words[0].lower() == "none":
            return None
        if len(line.words) < count:
            raise ModelError(f"{whose} line {line.number}", f"is '{line.text.strip()}'", f"{count} numbers")
        values = tuple(kind(number(word, line, whose)) for word in line.words[:count])
        return values if count > 1 else values[0]

    region = read("H", 4)
    if region is not None and not (0 < region[0] <= region[1] and 0 < region[2] <= region[3]):
        raise ModelError(
            f"{whose} line {by_key['H'].number}", f"region {region}", "xmin xmax ymin ymax, from 1"
        )
    scale = read("K", 2, float)
    return {
        "psf_oversample": max(1, read("E", 1) or 1), "region": region, "convolution_box": read("I", 2),
        "zeropoint": read("J", 1, float), "plate_scale": scale if scale and min(scale) > 0 else None,
        "mode": read("P", 1),
    }  # fmt: skip


class _Reader:
    """The objects of one file, turned into components one after another."""

    def __init__(
        self,
        whose: str,
        scale: tuple[float, float],
        region: tuple[int, ...] | None,
        leftovers: list[Leftover],
    ) -> None:
        self.whose, self.scale, self.leftovers = whose, scale, leftovers
        self.first = (1.0, 1.0) if region is None else (float(region[0]), float(region[2]))
        self.kinds: dict[int, tuple[str, GalfitType]] = {}
        self.hidden: list[str] = []

    def components(self, blocks: list[Block]) -> dict[str, Component]:
        """Components by name, in the file's order; `kinds` says which object each one was."""
        found: dict[str, Component] = {}
        used: dict[int, str] = {}
        for index, block in enumerate(blocks, start=1):
            if block.kind.startswith("truncation"):
                continue
            kind = TYPES.get(block.kind)
            if kind is None:
                reason = f"'{block.kind}' is no type that galviewer has; the object is left out"
                self.leftovers.append(Leftover(block.text, reason, "object", block.line))
                continue
            name = block.name or self._name(blocks, block, index)
            name = name if name not in found else f"{name}{index}"
            found[name] = self._component(name, kind, block, blocks, used)
            self.kinds[index] = (name, kind)
            if block.lines.get("Z") and block.lines["Z"].words[:1] == ("1",):
                self.hidden.append(name)
        for index, block in enumerate(blocks, start=1):
            if block.kind.startswith("truncation") and index not in used:
                reason = "a truncation that no component uses, or of a kind galviewer does not have"
                self.leftovers.append(Leftover(block.text, reason, "object", block.line))
        return found

    @staticmethod
    def _name(blocks: list[Block], block: Block, index: int) -> str:
        alone = sum(other.kind == block.kind for other in blocks) == 1
        return block.kind if alone and not block.kind[-1].isdigit() else f"{block.kind}{index}"

    def _component(
        self, name: str, kind: GalfitType, block: Block, blocks: list[Block], used: dict[int, str]
    ) -> Component:
        if kind.name == "sky":
            return self._sky(name, block)
        modifiers, given = self._modifiers(name, block, blocks, used)
        for key, parameter in kind.parameters.items():
            given[parameter] = self._read(key, block, kind, parameter)
        if "C0" in block.lines:
            given["boxiness"] = self._pair(block.lines["C0"], 0)
        self._whole_ellipse(block, kind, modifiers, given)
        mag, free = given["mag"]
        fixed = {key: value for key, (value, _) in given.items()}
        cut = any(m.endswith("truncation") for m in modifiers)
        offset = math.nan
        if not cut:
            with contextlib.suppress(ModelError):
                offset = brightness_offset(kind, modifiers, {"boxiness": 0.0, **fixed}, self.scale)
        if math.isfinite(offset):
            given["mag"] = (mag + offset, free)
        else:
            why = "is truncated or wound" if cut or (kind.brightness and modifiers) else "has no finite light"
            reason = (
                f"a surface brightness of a component that {why}; its total magnitude is measured instead"
            )
            line = block.lines["3"]
            place = f"brightness {name}"
            self.leftovers.append(Leftover(f"3) {' '.join(line.words[:2])}", reason, place, line.number))
            del given["mag"]
        return self._filled(Component(name, kind.profile, modifiers=modifiers), given, block)

    def _filled(self, component: Component, given: dict[str, tuple[float, bool]], block: Block) -> Component:
        for parameter, (value, free) in given.items():
            declared = component.parameter(parameter)
            inside = min(max(value, declared.lower), declared.upper)
            if component.profile == "nuker" and inside != value:
                reason = f"{parameter} = {value:g} gives no finite light; {inside:g} is taken"
                self.leftovers.append(Leftover(block.lines["0"].text, reason, line=block.line))
                value = inside
            component = component.replace(
                parameter,
                start=value,
                fixed=not free,
                lower=min(declared.lower, value),
                upper=max(declared.upper, value),
            )
        return component

    def _sky(self, name: str, block: Block) -> Component:
        values = [self._pair(block.lines[key], 0) if key in block.lines else (0.0, False) for key in "123"]
        flat = all(value == 0.0 and not free for value, free in values[1:])
        component = Component(name, "flat_sky" if flat else "tilted_sky")
        names = component.declaration.parameter_names
        return self._filled(component, dict(zip(names, values, strict=False)), block)

    def _read(self, key: int, block: Block, kind: GalfitType, parameter: str) -> tuple[float, bool]:
        """Value and whether it is free, in our units."""
        both = block.lines.get("1")
        line = block.lines.get(str(key))
        if key == 2 and both is not None and len(both.words) >= 2 and line is None:
            return self._pair(both, 1, 2, -self.first[1])
        if key == 1 and both is not None and "2" not in block.lines:
            return self._pair(both, 0, 2, -self.first[0])
        if line is None:
            if parameter in ("q", "pa"):
                return (1.0 if parameter == "q" else 0.0), False
            where = f"{self.whose} line {block.line}"
            raise ModelError(
                where, f"{kind.name} has no line {key}) for {parameter}", "value and 1 (free) or 0"
            )
        value, free = self._pair(line, 0)
        if key in (1, 2):
            value -= self.first[key - 1]
        return value * kind.factors.get(parameter, 1.0), free

    def _pair(self, line: Line, place: int, count: int = 1, shift: float = 0.0) -> tuple[float, bool]:
        """The value at `place` of a line that has `count` values, then as many toggles."""
        if len(line.words) < count or not line.words:
            what = f"is '{line.text.strip()}'"
            raise ModelError(f"{self.whose} line {line.number}", what, f"{count} value(s) and 1 (free) or 0")
        value = number(line.words[place], line, self.whose)
        toggle = line.words[place + count] if len(line.words) > place + count else "0"
        return value + shift, number(toggle, line, self.whose) > 0

    def _modifiers(
        self, name: str, block: Block, blocks: list[Block], used: dict[int, str]
    ) -> tuple[tuple[str, ...], dict[str, tuple[float, bool]]]:
        names: list[str] = []
        given: dict[str, tuple[float, bool]] = {}
        for key, line in block.lines.items():
            if key in HIDDEN:
                names.append(HIDDEN[key])
                parameter = key.lower()
                count = 2 if key.startswith("F") else 1
                given[parameter] = self._pair(line, 0, count)
                if count == 2:
                    given[f"{parameter}_phase"] = self._pair(line, 1, 2)
            elif re.fullmatch(r"[FB]\d+", key):
                reason = "a mode that galviewer does not have"
                self.leftovers.append(Leftover(line.text, reason, f"object {name}", line.number))
        for key, cut in (("Ti", "inner_truncation"), ("To", "outer_truncation")):
            if key in block.lines:
                more = self._truncation(block.lines[key], cut, blocks, used)
                names += [cut] if more else []
                given |= more
        names += ["spiral"] if self._spiral(name, block, given) else []
        order = list(profiles.modifier_names())
        return tuple(sorted(names, key=order.index)), given

    def _spiral(self, name: str, block: Block, given: dict[str, tuple[float, bool]]) -> bool:
        line = block.lines.get("R0")
        if line is None or line.words[:1] == ("none",):
            return False
        if line.words[:1] != ("log",):
            reason = "galviewer winds by a logarithm only; the component is not wound"
            text = "\n".join(other.text for key, other in block.lines.items() if re.fullmatch(r"R\d+", key))
            self.leftovers.append(Leftover(text, reason, f"object {name}", line.number))
            return False
        for key, parameter in SPIRAL.items():
            found = block.lines.get(f"R{key}")
            given[parameter] = self._pair(found, 0) if found is not None else (0.0, False)
        return True

    def _truncation(
        self, line: Line, name: str, blocks: list[Block], used: dict[int, str]
    ) -> dict[str, tuple[float, bool]]:
        """Break radius and softening length of the truncation to which ``Ti`` or ``To`` points."""
        index = int(number(line.words[0], line, self.whose)) if line.words else 0
        target = blocks[index - 1] if 0 < index <= len(blocks) else None
        if target is None or target.kind.split()[-1] not in ("radial", "radial2") or index in used:
            shared = "; it is used twice, which galviewer cannot" if index in used else ""
            reason = f"points to no radial truncation (T0) radial or radial2){shared}; not truncated"
            self.leftovers.append(Leftover(line.text, reason, line=line.number))
            return {}
        used[index] = name
        if {"T1", "T9", "T10"} & set(target.lines):
            reason = "a truncation of its own centre, axis ratio or angle; that of its component is taken"
            self.leftovers.append(Leftover(target.lines["T0"].text, reason, line=target.line))
        try:
            (edge, free), (soft, soft_free) = (self._pair(target.lines[key], 0) for key in ("T4", "T5"))
        except KeyError as error:
            where = f"{self.whose} line {target.line}"
            raise ModelError(where, f"the truncation has no line {error.args[0]})", "T4) and T5)") from None
        soft = soft if target.kind.endswith("2") else abs(soft - edge)
        key = "r_in" if name == "inner_truncation" else "r_out"
        return {key: (edge, free), f"{key}_soft": (soft, soft_free)}

    def _whole_ellipse(
        self,
        block: Block,
        kind: GalfitType,
        modifiers: tuple[str, ...],
        given: dict[str, tuple[float, bool]],
    ) -> None:
        """An axis ratio above 1 is the same ellipse turned by a quarter, all lengths along the other axis."""
        q, free = given.get("q", (1.0, False))
        if abs(q) > 1.0 and not modifiers:
            declared = profiles.get(kind.profile).shape
            for parameter in declared:
                if parameter.unit == "pixel":
                    value, own = given[parameter.name]
                    given[parameter.name] = (value * abs(q), own)
            angle, own = given["pa"]
            given["pa"], given["q"] = (angle + 90.0, own), (1.0 / abs(q), free)
        elif not 0.0 < q <= 1.0:
            line = block.lines["9"]
            raise ModelError(f"{self.whose} line {line.number}", f"axis ratio {q:g}", "above 0, at most 1")
