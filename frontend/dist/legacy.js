(function(){var a=document.getElementById("anxin"),t=a&&a.getAttribute("data-status");(t==="awaiting_payment"||t==="confirming"||t==="inbox")&&setTimeout(function(){location.reload()},1e4);})();
