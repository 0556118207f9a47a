// The Batch page. Python sends dictionaries (form, lists, check, progress, table, notice), this draws them;
// what the user does goes back as messages {do: ...}. Everything shown is set as text, never as HTML.

const FAST = 400, SLOW = 2500  // ms between looks at a run at work, and at one at rest

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–"
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`
}

const HEADS = { chi2_nu: "χ²/ν", snr: "S/N", bt: "B/T" }

const count = (n) => Number(n).toLocaleString("en").replaceAll(",", "\u202f")

function buildForm(model, send) {
  const fields = {}
  const changed = () => {
    send({ do: "fill", values: Object.fromEntries(Object.entries(fields).map(([k, f]) => [k, f.value])) })
    fileRow.hidden = fields.model.value !== "file"
  }
  const row = (label, control, hint) =>
    h("label", { className: "row", title: hint || "" }, h("span", {}, label), control)
  const path = (name, suffix) => {
    const list = h("datalist", { id: `gv-list-${name}` })
    const input = h("input", { type: "text", "data-test": `batch-${name}`, spellcheck: false, autocomplete: "off" })
    input.setAttribute("list", list.id)
    input.addEventListener("input", () => send({ do: "complete", field: name, text: input.value }))
    input.addEventListener("focus", () => send({ do: "complete", field: name, text: input.value }))
    input.addEventListener("change", changed)
    fields[name] = input
    return h("span", { className: "path" }, input, list)
  }
  const text = (name, placeholder) => {
    fields[name] = h("input", { type: "text", "data-test": `batch-${name}`, placeholder, onchange: changed, inputMode: "decimal" })
    return fields[name]
  }
  const choice = (name, options) => {
    fields[name] = h("select", { "data-test": `batch-${name}`, onchange: changed })
    for (const [value, label] of options) fields[name].append(h("option", { value }, label))
    return fields[name]
  }
  const lists = model.lists
  const fileRow = row("TOML file", path("model_file"), "a model written by galviewer or by hand")
  const box = h("div", { className: "card form" },
    h("h2", {}, "Fit a whole folder"),
    row("Folder", path("folder"), "folder of FITS files, or a table of paths"),
    row("Model", choice("model", lists.models)), fileRow,
    row("PSF for all", path("psf"), "one PSF file for galaxies without their own; empty: one each"),
    row("PSF kind", choice("psf_kind", lists.psf_kinds)),
    row("Zeropoint", text("zeropoint", "from the headers"), "magnitude of one image unit"),
    row("Pixel scale", text("pixel_scale", "from the headers"), "arcsec per pixel"),
    row("Device", choice("device", lists.devices)),
    row("Run directory", path("out"), "where the catalogue and the FITS blocks go"),
    h("div", { className: "buttons" },
      h("button.button", { "data-test": "batch-check", onclick: () => send({ do: "check" }), title: "read every file, fit nothing" }, "Check folder"),
      h("button.button.primary", { "data-test": "batch-start", onclick: () => { changed(); send({ do: "start" }) } }, "Start")),
    h("div", { className: "notice", "data-test": "batch-notice" }))
  const update = () => {
    for (const [key, field] of Object.entries(fields)) {
      if (field !== field.getRootNode().activeElement && key in model.form) field.value = model.form[key]
    }
    fileRow.hidden = fields.model.value !== "file"
  }
  model.on("form", update)
  model.on("notice", () => {
    const notice = box.querySelector(".notice")
    notice.textContent = model.notice.text || ""
    notice.dataset.kind = model.notice.kind || "info"
  })
  update()
  const suggest = (message) => {
    const list = box.querySelector(`#gv-list-${CSS.escape(message.field)}`)
    if (list) list.replaceChildren(...message.paths.map((value) => h("option", { value })))
  }
  return { box, suggest }
}

function buildCheck(model) {
  const title = h("div", { className: "headline", "data-test": "batch-check-counts" })
  const list = h("ul", { "data-test": "batch-problems" })
  const box = h("div", { className: "card check", hidden: true }, title, list)
  const update = () => {
    const c = model.check
    box.hidden = !("found" in c)
    if (box.hidden) return
    if (!c.reads) {
      title.textContent = c.done ? `${count(c.found)} galaxies found; Check folder reads every file` : "looking …"
    }
    const reading = c.done ? "" : ` · reading ${count(c.read)} of ${count(c.found)}`
    if (c.reads) title.textContent = `${count(c.found)} galaxies, ${count(c.usable)} usable${c.done ? "" : " so far"}`
      + ` · ${count(c.errors)} errors, ${count(c.repaired)} repaired, ${count(c.notes)} notes${reading}`
    title.dataset.done = c.done && c.reads
    list.replaceChildren(...c.problems.map(([kind, sentence]) => h("li", { "data-kind": kind }, sentence)))
  }
  model.on("check", update)
  update()
  return box
}

function buildProgress(model, send, view, look) {
  const test = (name) => h("span", { "data-test": `batch-${name}` })
  const phase = h("span", { className: "phase", "data-test": "batch-phase" })
  const bar = h("div", { className: "fill" })
  const where = h("bdi"), out = h("span.dim.out", { "data-test": "batch-run" }, where)
  const numbers = Object.fromEntries(["count", "failed", "skipped", "rate", "left", "seconds", "memory"].map((n) => [n, test(n)]))
  const figure = (label, name) => h("div", { className: "figure" }, numbers[name], h("small", {}, label))
  const button = (name, label, title, kind = "") =>
    h(`button.button${kind}`, { "data-test": `batch-${name}`, title, onclick: () => send({ do: name }) }, label)
  const cancel = button("cancel", "Cancel", "stop after the galaxies in hand; what is done stays")
  const kill = button("kill", "Stop now", "end the process at once; finished parts stay", ".danger")
  const resume = button("resume", "Resume", "go on where it stopped", ".primary")
  const chips = h("div", { className: "chips", "data-test": "batch-flags" })
  const message = h("div", { className: "notice", "data-test": "batch-message" })
  const box = h("div", { className: "card progress" },
    h("div", { className: "line" }, phase, out, h("span", { className: "space" }), cancel, kill, resume),
    h("div", { className: "bar" }, bar),
    h("div", { className: "figures" }, figure("galaxies", "count"), figure("failed", "failed"), figure("skipped", "skipped"),
      figure("per second", "rate"), figure("left", "left"), figure("running", "seconds"), figure("MB", "memory")),
    chips, message)
  const update = () => {
    const p = model.progress
    phase.textContent = p.phase || "new"
    phase.dataset.phase = p.phase || "new"
    where.textContent = (p.directory || "").split("/").pop()
    out.title = p.directory || ""
    bar.style.width = p.total ? `${(100 * p.done) / p.total}%` : "0"
    numbers.count.textContent = p.total ? `${count(p.done)} / ${count(p.total)}` : "–"
    for (const n of ["failed", "skipped"]) {
      numbers[n].textContent = count(p[n] || 0)
      numbers[n].classList.toggle("bad", p[n] > 0)
    }
    numbers.rate.textContent = p.rate ? (p.rate >= 10 ? p.rate.toFixed(0) : p.rate.toFixed(2)) : "–"
    numbers.left.textContent = p.live ? duration(p.seconds_left) : "–"
    numbers.seconds.textContent = p.seconds ? duration(p.seconds) : "–"
    numbers.memory.textContent = p.memory ? count(Math.round(p.memory)) : "–"
    cancel.hidden = !(p.live && p.phase !== "cancelling")
    kill.hidden = p.phase !== "cancelling"
    resume.hidden = !p.resumable
    message.textContent = p.message || ""
    message.dataset.kind = "error"
    chips.replaceChildren(...Object.entries(p.flags || {}).map(([name, n]) => h("button", {
      className: "chip", "data-flag": name, "data-on": String(view.flag === name), title: (p.meanings || {})[name] || "",
      onclick: () => { view.flag = view.flag === name ? "" : name; view.offset = 0; look(); update() },
    }, `${name} ${count(n)}`)))
  }
  model.on("progress", update)
  update()
  return box
}

function buildTable(model, send, view, look) {
  const search = h("input", { type: "search", placeholder: "name contains …", "data-test": "batch-search",
    oninput: () => { view.search = search.value; view.offset = 0; look() } })
  const where = h("span", { className: "dim", "data-test": "batch-where" })
  const turn = (steps) => () => { view.offset = Math.max(0, view.offset + steps * view.limit); look() }
  const previous = h("button.button", { onclick: turn(-1), "data-test": "batch-previous", title: "previous page" }, "‹")
  const next = h("button.button", { onclick: turn(1), "data-test": "batch-next", title: "next page" }, "›")
  const head = h("tr"), body = h("tbody")
  const empty = h("div", { className: "empty" }, "Results appear here as parts of the catalogue are written. A click on a row opens the galaxy with its fit.")
  const box = h("div", { className: "card table" },
    h("div", { className: "line" }, h("h2", {}, "Results"), where, h("span", { className: "space" }), search, previous, next),
    h("div", { className: "scroll" }, h("table", { "data-test": "batch-table" }, h("thead", {}, head), body), empty))
  const update = () => {
    const t = model.table
    const rows = t.rows || [], columns = t.columns || []
    empty.hidden = rows.length > 0 || view.search !== "" || view.flag !== ""
    view.offset = t.offset || 0
    where.textContent = rows.length ? `${count(view.offset + 1)}–${count(view.offset + rows.length)} of ${count(t.total)}` : ""
    previous.disabled = view.offset === 0
    next.disabled = view.offset + rows.length >= (t.total || 0)
    head.replaceChildren(...columns.map((column) => h("th", {
      title: column, "data-column": column, "data-sorted": view.sort === column ? (view.descending ? "down" : "up") : "",
      onclick: () => {
        view.descending = view.sort === column ? !view.descending : false
        view.sort = column
        view.offset = 0
        look()
      },
    }, h("span", {}, HEADS[column] ?? column), h("small", {}, (t.units || {})[column] ?? ""))))
    body.replaceChildren(...rows.map((cells) => h("tr", { "data-test": "batch-row", "data-name": cells[0], tabIndex: 0,
      onclick: () => send({ do: "inspect", name: cells[0] }),
      onkeydown: (event) => { if (event.key === "Enter") send({ do: "inspect", name: cells[0] }) },
    }, ...cells.map((cell, k) => h("td", { className: columns[k] === "name" || columns[k] === "flags" || columns[k] === "message" ? "text" : "" }, cell)))))
  }
  model.on("table", update)
  update()
  return box
}

export function render({ model, el }) {
  const send = (message) => model.send_msg(message)
  const view = { offset: 0, limit: 100, sort: "name", descending: false, flag: "", search: "" }
  const look = () => send({ do: "view", view })
  const form = buildForm(model, send)
  model.on("msg:custom", (message) => { if (message.field) form.suggest(message) })
  el.append(h("div", { className: "page", "data-test": "batch-page" },
    h("div", { className: "left" }, form.box, buildCheck(model)),
    h("div", { className: "right" }, buildProgress(model, send, view, look), buildTable(model, send, view, look))))
  // The page asks; the server keeps no timer, so a closed tab leaves nothing behind.
  let asked = 0
  const timer = setInterval(() => {
    const root = el.getRootNode()
    if (!(root.host || el).isConnected) return clearInterval(timer)
    if (document.hidden || el.getClientRects().length === 0) return
    const busy = model.progress.live || ("found" in model.check && !model.check.done)
    if (Date.now() - asked < (busy ? FAST : SLOW)) return
    asked = Date.now()
    send({ do: "tick" })
  }, 200)
  model.on("remove", () => clearInterval(timer))
}
