const back = /** @type {HTMLAnchorElement} */ (document.getElementById("back"));
back.href = `/${location.search}`;
