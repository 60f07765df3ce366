// The table of pairs: a page of rows at a time, so that ten thousand stay smooth; texts are only ever set as text.
(() => {
  const PAGE = 50;
  const pairs = JSON.parse(document.getElementById("pairs-data").textContent);
  const by = (id) => document.getElementById(id);
  const controls = ["search", "filter", "subset", "defect", "sort"].map(by);
  const [search, filter, subset, defect, sort] = controls;
  let shown = pairs, page = 0;

  const right = (p) => p.logit > 0;
  const kept = {
    all: () => true,
    right,
    wrong: (p) => !right(p),
    flipped: (p) => "before" in p && right(p) !== p.before > 0,
  };
  const top = (p) => Math.max(p.reward_chosen, p.reward_rejected);
  const order = {
    mistake: (a, b) => a.logit - b.logit,
    sure: (a, b) => Math.abs(b.logit) - Math.abs(a.logit),
    unsure: (a, b) => Math.abs(a.logit) - Math.abs(b.logit),
    high: (a, b) => top(b) - top(a),
    low: (a, b) => Math.min(a.reward_chosen, a.reward_rejected) - Math.min(b.reward_chosen, b.reward_rejected),
    length: (a, b) => b.longer_by - a.longer_by,
  };
  pairs.forEach((p) => { p.words = `${p.id} ${p.prompt ?? ""} ${p.chosen ?? ""} ${p.rejected ?? ""}`.toLowerCase(); });

  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const block = (title, text) => {
    const box = make("div");
    box.append(make("h4", title), make("pre", text));
    return box;
  };
  const row = (p) => {
    const details = make("details"), summary = make("summary");
    const confidence = 1 / (1 + Math.exp(-Math.abs(p.logit)));
    const flipped = kept.flipped(p) ? ", otherwise than before" : "";
    const names = [p.id, p.subset, p.defect].filter(Boolean).join(" · ");
    const text = p.prompt ?? "";
    summary.append(
      make("span", right(p) ? "right" : "wrong", right(p) ? "good" : "bad"),
      make("span", `${(100 * confidence).toFixed(1)}\u00a0% sure${flipped}`, "about"),
      make("span", text.length > 90 ? `${text.slice(0, 90)}…` : text, "text"),
      make("span", names, "about"),
    );
    details.append(summary);
    details.addEventListener("toggle", () => {
      if (details.childElementCount > 1) return;
      if ("prompt" in p) details.append(block("prompt", p.prompt));
      const sides = make("div", undefined, "sides");
      for (const side of ["chosen", "rejected"]) {
        const title = `${side}, reward ${p[`reward_${side}`].toFixed(3)}`;
        sides.append("prompt" in p ? block(title, p[side]) : make("h4", title));
      }
      details.append(sides);
    });
    return details;
  };
  const draw = () => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    by("rows").replaceChildren(...shown.slice(page * PAGE, (page + 1) * PAGE).map(row));
    by("count").textContent = `${shown.length.toLocaleString("en")} of ${pairs.length.toLocaleString("en")} pairs`;
    by("place").textContent = `page ${page + 1} of ${pages}`;
    by("previous").disabled = page === 0;
    by("next").disabled = page === pages - 1;
  };
  const choose = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = pairs.filter((p) => kept[filter.value](p) && (!subset.value || p.subset === subset.value)
      && (!defect.value || p.defect === defect.value)
      && words.every((word) => p.words.includes(word))).sort(order[sort.value]);
    page = 0;
    draw();
  };

  const offer = (select, names) => {
    const different = [...new Set(names.filter(Boolean))].sort();
    different.forEach((name) => select.append(new Option(name.replaceAll("_", " "), name)));
    select.parentElement.hidden = different.length < 2;
  };
  offer(subset, pairs.map((p) => p.subset));
  offer(defect, pairs.map((p) => p.defect));
  if (!pairs.some((p) => "before" in p)) filter.querySelector("[value=flipped]").remove();
  controls.forEach((control) => control.addEventListener("input", choose));
  const turn = (pages) => { page += pages; draw(); by("pairs").scrollIntoView(); };
  by("previous").addEventListener("click", () => turn(-1));
  by("next").addEventListener("click", () => turn(1));
  choose();
})();
