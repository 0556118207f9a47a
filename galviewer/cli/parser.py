"""The arguments of every command."""

from __future__ import annotations

import argparse

EXPORT_FORMATS = ("fits", "parquet", "ecsv", "votable", "csv", "hdf5")
ROLES = ("image", "sigma", "ivar", "psf", "mask", "seg")
PORT = 5006
LIKELIHOODS = ("chi2", "poisson", "pearson", "student_t", "chi2_distribution")


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``galviewer``."""
    from galviewer import __version__

    parser = argparse.ArgumentParser(
        prog="galviewer",
        description="Fit surface-brightness models to many galaxy images, and look at every fit.",
        epilog="galviewer COMMAND --help tells the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"galviewer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_check(commands)
    _add_fit(commands)
    _add_export(commands)
    _add_figure(commands)
    _add_calibrate(commands)
    _add_explore(commands)
    return parser


def _add_demo(commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="fit the sample galaxies and open the explorer",
        description="Fit the 24 sample galaxies that come with galviewer into a run directory, print the "
        "result and open the explorer on it.",
    )
    parser.add_argument(
        "--out", metavar="RUN", help="run directory (default: galviewer_demo here, else temporary)"
    )
    parser.add_argument("--model", default="sersic+sky", help="template or TOML file (default: %(default)s)")
    parser.add_argument("--exit", action="store_true", help="end as soon as the explorer is up")
    _add_device(parser)
    _add_server(parser)


def _add_check(commands) -> None:
    parser = commands.add_parser(
        "check",
        help="list the galaxies of a folder and every problem",
        description="Read every galaxy of a folder, fit nothing, and say what was found and what is wrong "
        "with which file.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="folder of FITS files, or a table of paths")
    parser.add_argument("--quiet", action="store_true", help="problems only")
    _add_survey(parser)


def _add_fit(commands) -> None:
    parser = commands.add_parser(
        "fit",
        help="fit a folder of galaxies into a run directory",
        description="Fit every galaxy of a folder. A run that was stopped or killed goes on where it ended "
        "when the same command is given again.",
    )
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", help="folder of FITS files, or a table of paths"
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="template (sersic, sersic+point, bulge+disk, bulge+bar+disk, each also with +sky), TOML, GALFIT "
        "or imfit file, or auto: the best template of each galaxy (auto+sky, auto-sky: with, without sky)",
    )
    parser.add_argument(
        "--neighbours",
        choices=("off", "mask", "fit", "auto"),
        help="other objects in the image: left as they are (default), masked, fitted together with the "
        "galaxy, or by their overlap with it",
    )
    parser.add_argument(
        "--companions",
        action="store_true",
        help="also measure concentration, asymmetry, smoothness, Gini, M20, Petrosian radius and residual "
        "flux fraction, about a second for each galaxy",
    )
    parser.add_argument(
        "--errors",
        choices=("covariance", "bootstrap"),
        help="errors from the curvature at the best fit (default), or from 100 refits of each galaxy to "
        "pixels drawn again, which hold also where sigma is wrong",
    )
    parser.add_argument("--out", metavar="RUN", required=True, help="run directory; made if missing")
    _add_course(parser)
    _add_device(parser)
    _add_survey(parser)


def _add_course(parser: argparse.ArgumentParser) -> None:
    """How a run goes about its fits."""
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out; FOLDER, --model and settings are taken from it",
    )
    parser.add_argument(
        "--psf-kind",
        choices=("effective", "optical"),
        help="effective (default): stamps contain the pixel, as survey stamps do; optical: they do not, "
        "as GALFIT and imfit take them",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N galaxies")
    parser.add_argument("--no-blocks", action="store_true", help="write no FITS block per galaxy")
    parser.add_argument(
        "--likelihood",
        choices=LIKELIHOODS,
        help="what a pixel off the model costs (default: chi2); poisson and pearson need the gain",
    )
    parser.add_argument(
        "--student-nu",
        type=float,
        metavar="NU",
        help="degrees of freedom of student_t (default: fitted to each galaxy)",
    )
    parser.add_argument("--max-iterations", type=int, metavar="N", help="steps after which a fit gives up")
    parser.add_argument(
        "--method",
        choices=("lm", "gradient", "lbfgs", "multistart", "differential_evolution", "auto"),
        help="how to fit (default: lm); auto tries more starts for galaxies whose fit is in doubt",
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="precision of the images (default: float32)"
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="B", help="galaxies fitted together (default: what is fast)"
    )
    parser.add_argument(
        "--threads", type=int, metavar="T", help="processor threads of the fit (default: one less than cores)"
    )
    parser.add_argument(
        "--profiles",
        action="append",
        metavar="FILE.py",
        help="file that registers profiles of your own; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per event on standard output")


def _add_export(commands) -> None:
    parser = commands.add_parser(
        "export",
        help="write the catalogue of a run as one file",
        description="Write the catalogue of a run, finished or not, with units and descriptions.",
    )
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument("--out", metavar="FILE", required=True, help="file to write")
    parser.add_argument("--format", choices=EXPORT_FORMATS, help="default: what the suffix of FILE says")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--neighbours", action="store_true", help="the table of fitted neighbours instead of the catalogue"
    )


def _add_figure(commands) -> None:
    parser = commands.add_parser(
        "figure",
        help="draw one galaxy of a run for a paper",
        description="Data, model, components, residual, radial profile and histogram of residuals as one "
        "figure, seven inches wide.",
    )
    parser.add_argument("run", metavar="RUN", help="run directory")
    parser.add_argument("name", metavar="NAME", help="galaxy")
    parser.add_argument(
        "--out",
        metavar="FILE",
        required=True,
        action="append",
        help=".pdf, .png, .svg or .eps; may be repeated",
    )
    parser.add_argument(
        "--radius", choices=("linear", "log", "quarter"), default="linear", help="axis of the radial profile"
    )
    parser.add_argument("--dpi", type=int, default=250, help="of a PNG (default: %(default)s)")
    parser.add_argument(
        "--profiles", action="append", metavar="FILE.py", help="file that registers profiles of your own"
    )


def _add_calibrate(commands) -> None:
    parser = commands.add_parser(
        "calibrate",
        help="test on simulated galaxies whether the errors of a run hold",
        description="Draw galaxies with the parameters, PSF and noise of a run's fits, fit them from "
        "measured starts, and print bias, pulls and how often the intervals hold the truth, by parameter.",
    )
    parser.add_argument("source", metavar="RUN_OR_CATALOGUE", help="run directory, or an exported catalogue")
    parser.add_argument("--galaxies", type=int, default=1000, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--errors", choices=("covariance", "bootstrap"), default="covariance", help="default: %(default)s"
    )
    parser.add_argument(
        "--refits", type=int, default=100, metavar="N", help="of each bootstrap (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="also write the table there, .csv or .ecsv")
    parser.add_argument(
        "--folder", help="where the galaxies lie: for a catalogue, or a run without blocks that moved"
    )
    parser.add_argument("--model", metavar="MODEL", help="for a catalogue: what was fitted")
    parser.add_argument("--psf-kind", choices=("effective", "optical"), help="for a catalogue")
    parser.add_argument(
        "--profiles", action="append", metavar="FILE.py", help="file that registers profiles of your own"
    )
    _add_device(parser)
    _add_survey(parser)


def _add_explore(commands) -> None:
    parser = commands.add_parser(
        "explore",
        help="open the explorer on a folder or a run",
        description="Serve the explorer to your browser.",
    )
    parser.add_argument("source", metavar="FOLDER_OR_RUN", help="folder of FITS files or run directory")
    parser.add_argument("--model", default="sersic", help="what galaxies without a fit are shown with")
    parser.add_argument("--folder", help="for a run: where its galaxies lie now, if they moved")
    parser.add_argument(
        "--profiles", action="append", metavar="FILE.py", help="file that registers profiles of your own"
    )
    parser.add_argument("--psf-kind", choices=("effective", "optical"), help="how PSF stamps are meant")
    _add_server(parser)
    _add_survey(parser)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="default: a GPU if there is one")


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=None, help=f"default: {PORT} or the next free one")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="where to listen (default: this machine only; others need GALVIEWER_PASSWORD to be set)",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the URL, open no browser")


def _add_survey(parser: argparse.ArgumentParser) -> None:
    """How a folder is read: fields of SurveySettings; None where not given."""
    group = parser.add_argument_group("input", "values given here win over those in headers")
    group.add_argument("--psf", metavar="FILE", help="one PSF for all galaxies without their own")
    group.add_argument("--psf-oversample", type=int, metavar="K", help="PSF samples per image pixel")
    group.add_argument("--zeropoint", type=float, metavar="Z", help="magnitude of one image unit")
    group.add_argument(
        "--exposure-zeropoint",
        action="store_true",
        help="the zeropoint is that of one unit per second (GALFIT's convention)",
    )
    group.add_argument("--pixel-scale", type=float, metavar="S", help="arcsec per pixel")
    group.add_argument("--gain", type=float, metavar="G", help="electrons per image unit, to build sigma")
    group.add_argument("--read-noise", type=float, metavar="R", help="electrons, to build sigma")
    group.add_argument(
        "--sky",
        type=float,
        metavar="S",
        dest="sky_level",
        help="sky level that was subtracted from the images, to build sigma",
    )
    group.add_argument("--table", metavar="FILE", help="table of paths or of values per galaxy")
    group.add_argument("--image-hdu", metavar="HDU", help="name or number of the HDU that holds the image")
    _add_patterns(group)


def _add_patterns(group) -> None:
    """One option per role; the help names only the first."""
    told = "image file names without suffix, such as '{name}_image'; likewise --sigma-pattern and so on for "
    told += ", ".join(ROLES[2:])
    for role in ROLES:
        help_text = told if role == "image" else argparse.SUPPRESS
        group.add_argument(f"--{role}-pattern", metavar="PATTERN", help=help_text)
