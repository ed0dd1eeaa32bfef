(function () {
  "use strict";
  var field = document.getElementById("filter");
  var found = document.getElementById("found");
  var plans = Array.prototype.slice.call(document.querySelectorAll("section.plan"));
  var failures = Array.prototype.slice.call(document.querySelectorAll("article.failure"));
  var steps = Array.prototype.slice.call(document.querySelectorAll("details.step"));
  var words = steps.map(function (step) {
    // The plan's name without its verdict: what fails is looked for among steps.
    var plan = step.closest("section.plan").firstElementChild.childNodes[1];
    var inside = step.querySelector(".inside").firstElementChild;
    return [plan, step.firstElementChild, inside].map(function (it) { return it.textContent; }).join(" ").toLowerCase();
  });
  function filter() {
    var wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    steps.forEach(function (step, n) {
      var fits = wanted.every(function (word) { return words[n].indexOf(word) >= 0; });
      step.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    found.textContent = wanted.length ? shown + " of " + steps.length : "";
    plans.forEach(function (plan) {
      plan.hidden = !plan.querySelector("details.step:not([hidden])");
    });
  }
  field.closest("p").hidden = false;
  field.addEventListener("input", filter);
  // What a link leads to is shown, whatever is filtered and folded.
  function open() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) { return; }
    if (target.matches("details.step, section.plan")) {
      document.getElementById("show-all").checked = true;
      field.value = "";
      filter();
    }
    for (var it = target; it; it = it.parentElement) {
      if (it.tagName === "DETAILS") { it.open = true; }
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", open);
  open();
  function go(by) {
    var at = failures.indexOf(document.activeElement.closest("article.failure"));
    var next = failures[at < 0 ? (by > 0 ? 0 : failures.length - 1) : at + by];
    if (next) { next.focus(); next.scrollIntoView(); }
  }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.target === field) {
      if (event.key === "Escape") { field.value = ""; filter(); field.blur(); }
      return;
    }
    if (event.key === "/") { event.preventDefault(); field.focus(); field.scrollIntoView(); }
    if (event.key === "n") { go(1); }
    if (event.key === "p") { go(-1); }
  });
})();
