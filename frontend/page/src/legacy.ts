// For engines that skip module scripts: they get no live page, but a true one, by
// loading it again while it waits.
var main = document.getElementById("anxin");
var status = main && main.getAttribute("data-status");
if (status === "awaiting_payment" || status === "confirming" || status === "inbox") {
  setTimeout(function () {
    location.reload();
  }, 10000);
}

export {};
