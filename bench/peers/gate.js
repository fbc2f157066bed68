// njs: a variable that says whether the header is missing.
function missing(r) {
    return r.headersIn["X-Key"] === undefined ? "1" : "";
}

export default { missing };
