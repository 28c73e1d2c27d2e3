(function(){var t=document.getElementById("anxin"),a=t&&t.getAttribute("data-status");(a==="awaiting_payment"||a==="confirming")&&setTimeout(function(){location.reload()},1e4);})();
