// The same requests, judged by the gate's policy and by openapi-backend: does
// each find the same things missing?  Only presence is compared, and no
// security (openapi-backend leaves that to its user).
//
//     node compare.mjs CHECKER NODE_MODULES < list of documents
//
// Prints one line per document and every difference by kind;
// differences.md explains the kinds.  Ends with 0 when all are explained.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [checker, modules] = process.argv.slice(2);
const load = createRequire(resolve(modules, "x.js"));
const { OpenAPIBackend } = load("openapi-backend");
const lines = (text) => text.split("\n").filter((line) => line !== "");
const big = { encoding: "utf8", maxBuffer: 1 << 30 };

const explained = new Set(
    [...readFileSync(join(here, "differences.md"), "utf8")
        .matchAll(/^### (.*)$/gm)].map((match) => match[1]));

function places(errors) {
    const found = new Set();
    for (const error of errors ?? []) {
        if (error.keyword !== "required") {
            continue;
        }
        const [, part, ...rest] = error.instancePath.split("/");
        const name = error.params.missingProperty;
        const inner = rest.map((step) => (/^\d+$/.test(step) ? "*" : step));
        if (part === undefined) {
            if (name === "requestBody") found.add("body ");
        } else if (part === "requestBody") {
            const own = name.replaceAll("~", "~0").replaceAll("/", "~1");
            found.add("body " + ["", ...inner, own].join("/"));
        } else if (part === "header" || part === "headers") {
            found.add("header " + name.toLowerCase());
        } else if (part === "query") {
            found.add("query " + name);
        } else if (part === "cookie" || part === "cookies") {
            found.add("cookie " + name);
        }
    }
    return found;
}

function ours(answer) {
    const found = answer.i.filter((item) => item[3] === 0).map((item) =>
        item[0] + " " + (item[0] === "header" ? item[1].toLowerCase()
                                              : item[1]));
    return new Set(found);
}

// Why may these two differ?  The words are headings of differences.md.
function kind(request, mine, theirs, operation, errors) {
    const type = (request.f.find((f) => f[0] === "Content-Type") ?? [])[1];
    const only = [...theirs].filter((item) => !mine.has(item));
    const less = [...mine].filter((item) => !theirs.has(item));
    if (request.path.endsWith("/")) return "A path with a final slash";
    if (operation === undefined) return "not explained";
    if (type && !/json/.test(type) && only.concat(less).every(
        (item) => item.startsWith("body"))) {
        return "A body that is no JSON";
    }
    if (less.length === 0 && only.every((item) => item.startsWith("body")) &&
        errors.some((e) => e.keyword === "oneOf" || e.keyword === "anyOf")) {
        return "Alternatives";
    }
    if (less.length === 0 && only.every((item) => item.startsWith("body"))) {
        return "A read-only member";
    }
    if (less.length > 0 && less.every((item) => item === "body ")) {
        return "A body that is not there";
    }
    if (less.every((item) => item.startsWith("query")) && only.every(
        (item) => item.startsWith("query"))) {
        return "Styles of query parameters";
    }
    return "not explained";
}

async function backend(definition) {
    let number = 0;
    for (const item of Object.values(definition.paths)) {
        for (const operation of Object.values(item)) {
            if (operation !== null && typeof operation === "object" &&
                !Array.isArray(operation)) {
                operation.operationId = "o" + number++;
            }
        }
    }
    const api = new OpenAPIBackend({
        definition, quick: true, strict: false,
        ajvOpts: { allErrors: true, strict: false, logger: false,
                   validateFormats: false },
    });
    await api.init();
    return api;
}

async function compare(path) {
    const file = join(modules, path);
    const made = lines(execFileSync("python3",
        [join(here, "corpus.py"), "--print", checker, file], big));
    const answers = lines(execFileSync(checker, [file],
        { ...big, input: made.map((line) => line + "\n").join("") }))
        .slice(1).map((line) => JSON.parse(line));
    const api = await backend(JSON.parse(readFileSync(file, "utf8")));
    const kinds = new Map();
    let same = 0, ignored = 0;
    for (const [i, line] of made.entries()) {
        const request = JSON.parse(line);
        const [target, query] = request.t.split("?");
        const headers = Object.fromEntries(
            request.f.map(([name, value]) => [name.toLowerCase(), value]));
        const asked = { method: request.m, headers, body: request.b, query,
                        path: target.slice(request.base.length) || "/" };
        let operation, result = { errors: [] };
        let has_failed = false;
        try {
            operation = api.router.matchOperation(asked);
            result = api.validator.validateRequest(asked, operation);
        } catch (error) {
            has_failed = true;
        }
        const mine = ours(answers[i]);
        const theirs = places(result.errors);
        const unread = [...theirs].filter((item) =>
            /^header (accept|content-type|authorization)$/.test(item) &&
            !mine.has(item));
        for (const item of unread) {
            theirs.delete(item);
        }
        ignored += unread.length;
        const equal = operation !== undefined && !has_failed && mine.size === theirs.size &&
            [...mine].every((item) => theirs.has(item));
        if (equal) {
            same++;
            continue;
        }
        const word = has_failed && operation !== undefined
            ? "The other validator cannot use the schema"
            : kind(request, mine, theirs, operation, result.errors ?? []);
        kinds.set(word, (kinds.get(word) ?? 0) + 1);
        if (word === "not explained") {
            console.log(`# ${line.slice(0, 400)}\n#   gate: ` +
                `${[...mine].join(", ")}\n#   openapi-backend: ` +
                [...theirs].join(", "));
        }
    }
    if (ignored > 0) {
        kinds.set("A header parameter that the specification ignores",
                  ignored);
    }
    return { path, total: made.length, same, kinds };
}

let failed = 0;
for (const path of lines(readFileSync(0, "utf8"))) {
    if (path.startsWith("#")) continue;
    const { total, same, kinds } = await compare(path);
    console.log(`${path}: ${total} requests, ${same} the same`);
    for (const [word, count] of kinds) {
        console.log(`    ${count} ${word}`);
        failed += explained.has(word) ? 0 : count;
    }
}
process.exit(failed > 0 ? 1 : 0);
