"use strict";
(() => {
  const lanes = document.querySelector(".lanes");
  const wires = lanes.querySelector(".wires");
  const stage = document.querySelector(".stage");
  const nodes = [...lanes.querySelectorAll(".node")];
  const byName = new Map(nodes.map((node) => [node.dataset.name, node]));
  const edges = [...document.querySelectorAll(".edge")];
  const stepper = document.querySelector(".stepper");
  const buttons = [...stepper.querySelectorAll("button")];
  const position = stepper.querySelector("output");
  const toggles = [...document.querySelectorAll(".legend input")];

  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // Where a node stands, relative to the lanes.
  const box = (node) => ({
    left: node.offsetLeft, right: node.offsetLeft + node.offsetWidth,
    top: node.offsetTop, bottom: node.offsetTop + node.offsetHeight,
  });

  // A path with the point and direction of its tip, and the middle for its label.
  const route = (from, to, slot) => {
    const shift = slot * 13;
    if (Math.abs(from.left - to.left) < 2) {  // within a lane: around the outside, away from the edges between lanes
      const way = from.left + from.right < lanes.offsetWidth ? -1 : 1;
      const x = way > 0 ? from.right : from.left, bow = x + way * (18 + shift);
      const y1 = from.bottom - 14 - slot * 4, y2 = to.top + 14 + slot * 4, bend = Math.min(16, (y2 - y1) / 2);
      const d = `M${x} ${y1}Q${bow} ${y1} ${bow} ${y1 + bend}L${bow} ${y2 - bend}Q${bow} ${y2} ${x + way * 6} ${y2}`;
      return { d, x, y: y2, way: -way, middle: [bow, (y1 + y2) / 2 + slot * 20] };
    }
    const way = from.left < to.left ? 1 : -1;
    const x1 = way > 0 ? from.right : from.left, x2 = way > 0 ? to.left : to.right;
    // edges leave low and arrive high, so that one that comes and one that goes do not meet
    const y1 = from.top + (from.bottom - from.top) * 0.7, y2 = to.top + (to.bottom - to.top) * 0.3;
    const reach = Math.max(Math.abs(x2 - x1) * 0.6, 24);
    const d = `M${x1} ${y1}C${x1 + way * reach} ${y1} ${x2 - way * reach} ${y2} ${x2 - way * 6} ${y2}`;
    return { d, x: x2, y: y2, way, middle: [(x1 + x2) / 2, (y1 + y2) / 2] };
  };

  // Edges between the same two operations share one wire, drawn as the first of them; its label names them all.
  const bundles = () => {
    const shown = new Set(toggles.filter((one) => one.checked).map((one) => one.value));
    const found = new Map();
    for (const { dataset } of edges) {
      const { kind, from, to, cycle } = dataset;
      if (!shown.has(kind) || !byName.has(from) || !byName.has(to)) continue;
      const key = `${from} ${to}`;
      if (!found.has(key)) found.set(key, { from, to, cycle: cycle === "yes", kinds: [] });
      if (!found.get(key).kinds.includes(kind)) found.get(key).kinds.push(kind);
    }
    return found.values();
  };

  // Wires that go around the outside need room beside the lanes, which would be cut off there.
  let [before, after] = [0, 0];
  const makeRoom = (left, right) => {
    [before, after] = [Math.ceil(Math.max(0, -left)), Math.ceil(Math.max(0, right - lanes.offsetWidth))];
    lanes.style.marginLeft = `${before}px`;
    lanes.style.marginRight = `${after}px`;
  };

  const draw = () => {
    wires.replaceChildren();
    let [left, right] = [0, lanes.offsetWidth];
    const turns = new Map();  // within a lane, each further wire swings out wider
    for (const { from, to, cycle, kinds } of bundles()) {
      const source = byName.get(from), target = byName.get(to);
      const lane = source.offsetLeft === target.offsetLeft ? source.offsetLeft : `${from} ${to}`;
      const slot = turns.get(lane) || 0;
      turns.set(lane, slot + 1);
      const { d, x, y, way, middle } = route(box(source), box(target), slot);
      const width = 4 + 20 * kinds.length;
      left = Math.min(left, middle[0] - width / 2 - 2);
      right = Math.max(right, middle[0] + width / 2 + 2);
      const group = svg("g", { class: `kind-${kinds[0]}${cycle ? " cycle" : ""}`, "data-from": from, "data-to": to });
      group.append(
        svg("path", { class: "wire", d }),
        svg("path", { class: "tip", d: `M${x} ${y}l${-way * 10} -5.5v11z` }),
        svg("rect", { x: middle[0] - width / 2, y: middle[1] - 9, width, height: 18, rx: 5 }),
      );
      kinds.forEach((kind, at) => {
        const label = svg("text", { class: `kind-${kind}`, x: middle[0] + 20 * (at - (kinds.length - 1) / 2), y: middle[1] });
        label.textContent = kind;
        group.append(label);
      });
      wires.append(group);
    }
    makeRoom(left, right);  // how much is needed does not depend on how wide the lanes are, so drawing again comes to rest
  };

  const light = (test) => {
    for (const group of wires.children) {
      const lit = test ? test(group.dataset.from, group.dataset.to) : false;
      group.classList.toggle("lit", lit);
      group.classList.toggle("dim", Boolean(test) && !lit);
    }
  };

  const choose = (name) => {
    const node = byName.get(name);
    if (!node) return;
    for (const one of nodes) one.removeAttribute("aria-current");
    node.setAttribute("aria-current", "step");
    for (const one of stage.querySelectorAll(".detail")) one.classList.toggle("chosen", one.id === `step-${name}`);
    const at = nodes.indexOf(node);
    position.textContent = `${name}, step ${at + 1} of ${nodes.length}`;
    for (const button of buttons) button.disabled = !nodes[at + Number(button.dataset.move)];
  };

  // The step is part of the address, so that it can be shared.
  const go = (node, { focus } = {}) => {
    if (!node) return;
    if (focus) node.focus();
    history.replaceState(null, "", `#step-${node.dataset.name}`);
    choose(node.dataset.name);
  };
  const current = () => nodes.findIndex((node) => node.hasAttribute("aria-current"));

  const follow = () => {
    const match = /^#step-(.+)$/.exec(decodeURIComponent(location.hash));
    if (match) choose(match[1]);
  };

  stage.classList.add("stepping");
  stepper.hidden = nodes.length < 2;
  for (const button of buttons) {
    button.addEventListener("click", () => go(nodes[current() + Number(button.dataset.move)]));
  }
  const first = nodes.find((node) => node.classList.contains("wrong"))
    || nodes.filter((node) => node.classList.contains("witness")).pop() || nodes[0];
  if (first) choose(first.dataset.name);
  follow();
  addEventListener("hashchange", follow);

  for (const node of nodes) {
    const name = node.dataset.name;
    const touching = (from, to) => from === name || to === name;
    node.addEventListener("click", (event) => {
      event.preventDefault();
      go(node);
    });
    node.addEventListener("keydown", (event) => {
      const at = nodes.indexOf(node);
      const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: nodes.length - 1 }[event.key];
      if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      go(nodes[next], { focus: true });
    });
    node.addEventListener("mouseenter", () => light(touching));
    node.addEventListener("focus", () => light(touching));
    node.addEventListener("mouseleave", () => light(null));
    node.addEventListener("blur", () => light(null));
  }
  for (const edge of edges) {
    const { from, to } = edge.dataset;
    const itself = (one, other) => one === from && other === to;
    edge.addEventListener("mouseenter", () => light(itself));
    edge.addEventListener("focusin", () => light(itself));
    edge.addEventListener("mouseleave", () => light(null));
    edge.addEventListener("focusout", () => light(null));
  }
  for (const toggle of toggles) toggle.addEventListener("change", draw);

  for (const button of document.querySelectorAll(".copy")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  new ResizeObserver(draw).observe(lanes);
  // Paper is narrower than the screen, and its letters are smaller: lay the lanes out for it before their edges are drawn.
  const print = (paper) => {
    document.documentElement.classList.toggle("paper", paper);
    lanes.style.width = paper ? `${660 - before - after}px` : "";
    draw();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  draw();
})();
