(function () {
  "use strict";
  var field = document.getElementById("filter");
  var found = document.getElementById("found");
  var steps = Array.prototype.slice.call(document.querySelectorAll("details.step"));
  var words = steps.map(function (step) {
    return (step.firstElementChild.textContent + " " + step.querySelector(".inside").firstElementChild.textContent).toLowerCase();
  });
  field.closest("p").hidden = false;
  field.addEventListener("input", function () {
    var wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    steps.forEach(function (step, n) {
      var fits = wanted.every(function (word) { return words[n].indexOf(word) >= 0; });
      step.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    found.textContent = wanted.length ? shown + " of " + steps.length : "";
    document.querySelectorAll("section.plan").forEach(function (plan) {
      plan.hidden = !plan.querySelector("details.step:not([hidden])");
    });
  });
  function open() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") { target.open = true; }
  }
  window.addEventListener("hashchange", open);
  open();
})();
