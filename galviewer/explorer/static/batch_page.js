// The Batch page. Python sends dictionaries (form, lists, check, progress, table, notice), this draws them;
// what the user does goes back as messages {do: ...}. Everything shown is set as text, never as HTML.

const FAST = 400, SLOW = 2500  // ms between looks at a run at work, and at one at rest

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "test") node.dataset.test = value
    else if (key === "data") Object.assign(node.dataset, value)
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value)
    else if (key in node && key !== "list") node[key] = value
    else node.setAttribute(key, value)
  }
  node.append(...children)
  return node
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–"
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`
}

const count = (n) => Number(n).toLocaleString("en").replaceAll(",", "\u202f")

function buildForm(model, send) {
  const fields = {}
  const changed = () => {
    send({ do: "fill", values: Object.fromEntries(Object.entries(fields).map(([k, f]) => [k, f.value])) })
    fileRow.hidden = fields.model.value !== "file"
  }
  const row = (label, control, hint) =>
    make("label", { className: "row", title: hint || "" }, make("span", {}, label), control)
  const path = (name, suffix) => {
    const list = make("datalist", { id: `gv-list-${name}` })
    const input = make("input", { type: "text", test: `batch-${name}`, spellcheck: false, autocomplete: "off" })
    input.setAttribute("list", list.id)
    input.addEventListener("input", () => send({ do: "complete", field: name, text: input.value }))
    input.addEventListener("focus", () => send({ do: "complete", field: name, text: input.value }))
    input.addEventListener("change", changed)
    fields[name] = input
    return make("span", { className: "path" }, input, list)
  }
  const text = (name, placeholder) => {
    fields[name] = make("input", { type: "text", test: `batch-${name}`, placeholder, onchange: changed, inputMode: "decimal" })
    return fields[name]
  }
  const choice = (name, options) => {
    fields[name] = make("select", { test: `batch-${name}`, onchange: changed })
    for (const [value, label] of options) fields[name].append(make("option", { value }, label))
    return fields[name]
  }
  const lists = model.lists
  const fileRow = row("TOML file", path("model_file"), "a model written by galviewer or by hand")
  const box = make("div", { className: "card form" },
    make("h2", {}, "Fit a whole folder"),
    row("Folder", path("folder"), "folder of FITS files, or a table of paths"),
    row("Model", choice("model", lists.models)), fileRow,
    row("PSF for all", path("psf"), "one PSF file for galaxies without their own; empty: one each"),
    row("PSF kind", choice("psf_kind", lists.psf_kinds)),
    row("Zeropoint", text("zeropoint", "from the headers"), "magnitude of one image unit"),
    row("Pixel scale", text("pixel_scale", "from the headers"), "arcsec per pixel"),
    row("Device", choice("device", lists.devices)),
    row("Run directory", path("out"), "where the catalogue and the FITS blocks go"),
    make("div", { className: "buttons" },
      make("button", { test: "batch-check", onclick: () => send({ do: "check" }), title: "read every file, fit nothing" }, "Check folder"),
      make("button", { test: "batch-start", className: "primary", onclick: () => { changed(); send({ do: "start" }) } }, "Start")),
    make("div", { className: "notice", test: "batch-notice" }))
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
    if (list) list.replaceChildren(...message.paths.map((value) => make("option", { value })))
  }
  return { box, suggest }
}

function buildCheck(model) {
  const title = make("div", { className: "headline", test: "batch-check-counts" })
  const list = make("ul", { test: "batch-problems" })
  const box = make("div", { className: "card check", hidden: true }, title, list)
  const update = () => {
    const c = model.check
    box.hidden = !("found" in c)
    if (box.hidden) return
    const reading = c.done ? "" : ` · reading ${count(c.read)} of ${count(c.found)}`
    title.textContent = `${count(c.found)} galaxies, ${count(c.usable)} usable${c.done ? "" : " so far"}`
      + ` · ${count(c.errors)} errors, ${count(c.repaired)} repaired, ${count(c.notes)} notes${reading}`
    title.dataset.done = c.done
    list.replaceChildren(...c.problems.map(([kind, sentence]) => make("li", { data: { kind } }, sentence)))
  }
  model.on("check", update)
  update()
  return box
}

function buildProgress(model, send, view, look) {
  const test = (name) => make("span", { test: `batch-${name}` })
  const phase = make("span", { className: "phase", test: "batch-phase" })
  const bar = make("div", { className: "fill" })
  const out = make("span", { className: "dim out", test: "batch-run" })
  const numbers = Object.fromEntries(["count", "failed", "skipped", "rate", "left", "seconds", "memory"].map((n) => [n, test(n)]))
  const figure = (label, name) => make("div", { className: "figure" }, numbers[name], make("small", {}, label))
  const button = (name, label, title, className = "") =>
    make("button", { test: `batch-${name}`, title, className, onclick: () => send({ do: name }) }, label)
  const cancel = button("cancel", "Cancel", "stop after the galaxies in hand; what is done stays")
  const kill = button("kill", "Stop now", "end the process at once; finished parts stay", "danger")
  const resume = button("resume", "Resume", "go on where it stopped", "primary")
  const chips = make("div", { className: "chips", test: "batch-flags" })
  const message = make("div", { className: "notice", test: "batch-message" })
  const box = make("div", { className: "card progress" },
    make("div", { className: "line" }, phase, out, make("span", { className: "space" }), cancel, kill, resume),
    make("div", { className: "bar" }, bar),
    make("div", { className: "figures" }, figure("galaxies", "count"), figure("failed", "failed"), figure("skipped", "skipped"),
      figure("per second", "rate"), figure("left", "left"), figure("running", "seconds"), figure("MB", "memory")),
    chips, message)
  const update = () => {
    const p = model.progress
    phase.textContent = p.phase || "new"
    phase.dataset.phase = p.phase || "new"
    out.textContent = p.directory || ""
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
    chips.replaceChildren(...Object.entries(p.flags || {}).map(([name, n]) => make("button", {
      className: "chip", data: { flag: name, on: String(view.flag === name) }, title: (p.meanings || {})[name] || "",
      onclick: () => { view.flag = view.flag === name ? "" : name; view.offset = 0; look(); update() },
    }, `${name} ${count(n)}`)))
  }
  model.on("progress", update)
  update()
  return box
}

function buildTable(model, send, view, look) {
  const search = make("input", { type: "search", placeholder: "name contains …", test: "batch-search",
    oninput: () => { view.search = search.value; view.offset = 0; look() } })
  const where = make("span", { className: "dim", test: "batch-where" })
  const turn = (steps) => () => { view.offset = Math.max(0, view.offset + steps * view.limit); look() }
  const previous = make("button", { onclick: turn(-1), test: "batch-previous", title: "previous page" }, "‹")
  const next = make("button", { onclick: turn(1), test: "batch-next", title: "next page" }, "›")
  const head = make("tr"), body = make("tbody")
  const empty = make("div", { className: "empty" }, "Results appear here as parts of the catalogue are written. A click on a row opens the galaxy with its fit.")
  const box = make("div", { className: "card table" },
    make("div", { className: "line" }, make("h2", {}, "Results"), where, make("span", { className: "space" }), search, previous, next),
    make("div", { className: "scroll" }, make("table", { test: "batch-table" }, make("thead", {}, head), body), empty))
  const update = () => {
    const t = model.table
    const rows = t.rows || [], columns = t.columns || []
    empty.hidden = rows.length > 0 || view.search !== "" || view.flag !== ""
    view.offset = t.offset || 0
    where.textContent = rows.length ? `${count(view.offset + 1)}–${count(view.offset + rows.length)} of ${count(t.total)}` : ""
    previous.disabled = view.offset === 0
    next.disabled = view.offset + rows.length >= (t.total || 0)
    head.replaceChildren(...columns.map((column) => make("th", {
      title: (t.units || {})[column] || "", data: { column, sorted: view.sort === column ? (view.descending ? "down" : "up") : "" },
      onclick: () => {
        view.descending = view.sort === column ? !view.descending : false
        view.sort = column
        view.offset = 0
        look()
      },
    }, column.replaceAll("_", " "))))
    body.replaceChildren(...rows.map((cells) => make("tr", { test: "batch-row", data: { name: cells[0] }, tabIndex: 0,
      onclick: () => send({ do: "inspect", name: cells[0] }),
      onkeydown: (event) => { if (event.key === "Enter") send({ do: "inspect", name: cells[0] }) },
    }, ...cells.map((cell, k) => make("td", { className: columns[k] === "name" || columns[k] === "flags" || columns[k] === "message" ? "text" : "" }, cell)))))
  }
  model.on("table", update)
  update()
  return box
}

export function render({ model, el }) {
  const send = (message) => model.send_msg(message)
  const view = { offset: 0, limit: 100, sort: "", descending: false, flag: "", search: "" }
  const look = () => send({ do: "view", view })
  const form = buildForm(model, send)
  model.on("msg:custom", (message) => { if (message.field) form.suggest(message) })
  el.append(make("div", { className: "page", test: "batch-page" },
    make("div", { className: "left" }, form.box, buildCheck(model)),
    make("div", { className: "right" }, buildProgress(model, send, view, look), buildTable(model, send, view, look))))
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
