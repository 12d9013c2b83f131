"use strict";
(() => {
  const form = document.querySelector(".filters");
  if (!form) return;
  const choices = [...form.querySelectorAll("select")];
  const findings = [...document.querySelectorAll(".finding")];
  const output = form.querySelector("output");

  const show = () => {
    let shown = 0;
    for (const finding of findings) {
      const fits = choices.every(({ name, value }) => !value || finding.dataset[name].split("\n").includes(value));
      finding.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    output.textContent = shown === findings.length ? `all ${shown} shown` : `${shown} of ${findings.length} shown`;
  };

  // The choice is part of the address, so that it can be shared: index.html#severity=high&model=…
  const remember = () => {
    const chosen = choices.filter(({ value }) => value).map(({ name, value }) => [name, value]);
    history.replaceState(null, "", `#${new URLSearchParams(chosen)}`);
  };
  const recall = () => {
    const chosen = new URLSearchParams(location.hash.slice(1));
    for (const choice of choices) {
      const wanted = chosen.get(choice.name) || "";
      choice.value = [...choice.options].some((option) => option.value === wanted) ? wanted : "";
    }
    show();
  };

  form.hidden = false;
  form.addEventListener("change", () => { remember(); show(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { remember(); show(); }));
  addEventListener("hashchange", recall);
  recall();
})();
