"""Write the pages that come from the code itself: flags.md, catalogue.md and profiles.md.

``python docs/make_tables.py``; tests/architecture/test_documentation.py compares the pages with the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from galviewer import flags, model, profiles
from galviewer.products import catalogue
from galviewer.products.neighbours import NEIGHBOUR_COLUMNS

HERE = Path(__file__).resolve().parent


def flags_page() -> str:
    """Return every flag with bit, name, sentence and advice."""
    lines = [
        "# Flags",
        "",
        "The catalogue's column `flags` is a sum of bits; `flag_names` spells them out. 0 is a clean fit.",
        "`galviewer.flags.names(bits)` and `galviewer.flags.describe(bits)` read a value.",
        "",
        "| bit | name | what it says | what to do | values usable |",
        "|---|---|---|---|---|",
    ]
    for flag, info in flags.REGISTRY.items():
        usable = "no" if flag & flags.FAILURES else "yes"
        lines.append(f"| {int(flag)} | `{info.name}` | {info.sentence} | {info.advice} | {usable} |")
    return "\n".join(lines) + "\n"


def catalogue_page() -> str:
    """Return every column of every template's catalogue, each once."""
    lines = [
        "# The catalogue",
        "",
        "One row per galaxy, also for skipped and failed ones. A component's columns start with its",
        "name: `sersic_r_eff`, `disk_mag`. Below are the columns of the templates; a model of your own",
        "has the same ones for its components. Missing values are nan, empty text, or -1 for counts. Tables",
        "carry unit and description of each column where their format can.",
        "",
        "`+ _err` means that one standard deviation follows in a column of that ending (nan where fixed, at",
        "a bound or unknown), `+ _init` the value the fit started from.",
        "",
        "| column | unit | what | templates |",
        "|---|---|---|---|",
    ]
    infos: dict[str, catalogue.ColumnInfo] = {}
    found: dict[str, list[str]] = {}
    for name in model.TEMPLATES:
        for info in catalogue.columns(model.template(name)):
            infos.setdefault(info.name, info)
            found.setdefault(info.name, []).append(name)
    for name, info in infos.items():
        if name.removesuffix("_err").removesuffix("_init") != name:
            continue
        more = "".join(f" + `{end}`" for end in ("_err", "_init") if name + end in infos)
        where = "all" if len(found[name]) == len(model.TEMPLATES) else ", ".join(found[name])
        lines.append(f"| `{name}`{more} | {info.unit} | {info.description} | {where} |")
    lines += _further(
        "Where the model was chosen", _choice(), "`--model auto` adds one `bic_<model>` for each."
    )
    lines += _further("The table of neighbours", NEIGHBOUR_COLUMNS, "One row per neighbour, see choosing.md.")
    return "\n".join(lines) + "\n"


MARKS = ("<!-- from the declarations -->", "<!-- written by hand -->")


def _number(value: float) -> str:
    return "" if abs(value) == float("inf") else f"{value:g}"


def profiles_page() -> str:
    """Return the page with formula, parameters and source of every shipped profile between its marks."""
    shipped = [profiles.get(name) for name in profiles.shipped_names()]
    lines = ["", "| profile | kind | brightness | source |", "|---|---|---|---|"]
    for profile in shipped:
        formula = f"`{profile.formula}`".replace("|", "\\|") if profile.formula else profile.title
        lines.append(f"| `{profile.name}` | {profile.kind} | {formula} | {profile.reference} |")
    lines += ["", "## Parameters", ""]
    lines += ["| profile | parameter | unit | bounds | default | meaning |", "|---|---|---|---|---|---|"]
    for profile in shipped:
        for p in profile.shape:
            meaning = p.meaning + (" (*held*)" if p.fixed else "")
            bounds = f"{_number(p.lower)} to {_number(p.upper)}" if _number(p.lower) else "any"
            lines.append(
                f"| `{profile.name}` | `{p.name}` | {p.unit} | {bounds} | {_number(p.default)} | {meaning} |"
            )
    common = (profiles.X, profiles.Y, profiles.MAG, profiles.Q, profiles.PA, profiles.BOXINESS)
    for p in common:
        bounds = f"{_number(p.lower)} to {_number(p.upper)}" if _number(p.lower) else "any"
        held = " (*held*)" if p.fixed else ""
        lines.append(f"| all | `{p.name}` | {p.unit} | {bounds} | {_number(p.default)} | {p.meaning}{held} |")
    before, rest = (HERE / "profiles.md").read_text(encoding="utf-8").split(MARKS[0])
    return before + MARKS[0] + "\n" + "\n".join(lines) + "\n\n" + MARKS[1] + rest.split(MARKS[1])[1]


def _choice() -> list[catalogue.ColumnInfo]:
    """Columns that only a choice among models has."""
    infos = catalogue.choice_columns((model.template("sersic"), model.template("bulge+disk")))
    return [info for info in infos if info.name in ("model_reason", "bic") or info.name.startswith("bic_")]


def _further(title: str, infos: Sequence[catalogue.ColumnInfo], words: str) -> list[str]:
    """Return a section with a table of columns."""
    rows = [f"| `{info.name}` | {info.unit} | {info.description} |" for info in infos]
    return ["", f"## {title}", "", words, "", "| column | unit | what |", "|---|---|---|", *rows]


PAGES = {"flags.md": flags_page, "catalogue.md": catalogue_page, "profiles.md": profiles_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
