#!/usr/bin/python3
"""Requests made from real OpenAPI documents, judged by the gate's policy.

    tests/openapi/corpus.py CHECKER FOLDER... [--list FILE] [-j N]

For every operation a complete request is made from the document, by a reading
of it that shares no code with openapi/; it must pass.  Then each required
item is left out in turn, and exactly that item must be named.  What cannot be
tried is counted by reason.  Ends with 0 when nothing failed.
"""
import argparse
import collections
import concurrent.futures
import copy
import json
import os
import re
import subprocess
import sys
import urllib.parse

METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
TOKEN = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$")
FILL = "zq7x"
IGNORED = {"accept", "content-type", "authorization"}


class Document:
    """What is asked of a document, references followed."""

    def __init__(self, root):
        self.root = root
        self.is_31 = not str(root["openapi"]).startswith("3.0")

    def follow(self, node):
        for _ in range(64):
            if not isinstance(node, dict) or "$ref" not in node:
                return node
            node = self.pointer(node["$ref"])
        return None

    def pointer(self, ref):
        node = self.root
        if not isinstance(ref, str) or not ref.startswith("#"):
            return None
        for part in urllib.parse.unquote(ref[1:]).split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = node[int(part)] if part.isdigit() and \
                    int(part) < len(node) else None
            else:
                node = node.get(part) if isinstance(node, dict) else None
        return node

    def parts(self, schema):
        """The schemas that hold together: "$ref" and "allOf"."""
        found = []

        def add(node):
            if not isinstance(node, dict):
                return
            if "$ref" in node and not (self.is_31 and len(node) > 1):
                node = self.follow(node)
            if isinstance(node, dict) and not any(n is node for n in found):
                found.append(node)

        add(schema)
        for node in found:
            for key in ("allOf", "oneOf", "anyOf"):
                inner = node.get(key)
                if isinstance(inner, list) and \
                        (key == "allOf" or len(inner) == 1):
                    for one in inner:
                        add(one)
            if "$ref" in node:
                add(self.pointer(node["$ref"]))
        return found

    def shapes(self, schema):
        result = {"object", "array", "scalar"}
        for part in self.parts(schema):
            kinds = part.get("type")
            if kinds is None:
                continue
            kinds = kinds if isinstance(kinds, list) else [kinds]
            own = {k if k in ("object", "array") else "scalar" for k in kinds}
            if part.get("nullable") is True:
                own.add("scalar")
            result &= own
        return result or {"object", "array", "scalar"}

    def is_object(self, schema):
        shapes = self.shapes(schema)
        if len(shapes) == 3:
            return any("properties" in p for p in self.parts(schema))
        return "object" in shapes

    def is_read_only(self, definitions):
        return any(p.get("readOnly") is True
                   for d in definitions for p in self.parts(d))


class Body:
    """What a body of a schema needs, and one that has it all."""

    def __init__(self, document, media, kind):
        self.document = document
        self.kind = kind
        self.encoding = media.get("encoding") or {}

    def identity(self, schema):
        if self.document.is_31 and isinstance(schema, dict) and \
                len(schema) > 1:
            return id(schema)
        return id(self.document.follow(schema))

    def judged(self, name, definitions):
        if self.kind != "form":
            return True
        encoding = self.encoding.get(name) or {}
        if encoding.get("style") == "deepObject":
            return False
        return not definitions or "contentType" in encoding or \
            not self.document.is_object(definitions[0])

    def definitions(self, parts, name):
        return [p["properties"][name] for p in parts
                if isinstance(p.get("properties"), dict) and
                isinstance(p["properties"].get(name), dict)]

    def required(self, own, parts):
        names = []
        for part in own:
            words = part.get("required")
            for word in words if isinstance(words, list) else []:
                if not isinstance(word, str) or word in names:
                    continue
                definitions = self.definitions(parts, word)
                if not self.document.is_read_only(definitions) and \
                        self.judged(word, definitions):
                    names.append(word)
        return names

    def choices(self, own):
        for part in own:
            for key in ("oneOf", "anyOf"):
                inner = part.get(key)
                if isinstance(inner, list) and len(inner) > 1:
                    yield inner

    def make(self, schemas, stack=(), outer=()):
        """A value of the smallest complete kind."""
        key = self.identity(schemas[0])
        own = [p for s in schemas for p in self.document.parts(s)]
        parts = own + list(outer)
        shapes = set.intersection(*[self.document.shapes(s)
                                    for s in schemas])
        if "object" in shapes:
            value = {}
            if key in stack:
                return value
            stack += (key,)
            for name in self.required(own, parts):
                definitions = self.definitions(parts, name)
                value[name] = self.make(definitions, stack) \
                    if definitions and self.kind == "json" else FILL
            for inner in self.choices(own):
                fitting = [a for a in inner
                           if "object" in self.document.shapes(a)]
                if fitting:
                    more = self.make([fitting[0]], stack, parts)
                    if isinstance(more, dict):
                        value.update({k: v for k, v in more.items()
                                      if k not in value})
            return value
        if "array" in shapes:
            items = [p["items"] for p in own
                     if isinstance(p.get("items"), dict)]
            if not items or key in stack:
                return []
            return [self.make(items, stack + (key,))]
        return FILL

    def missing(self, schemas, value, pointer="", stack=(), outer=()):
        """Pointers that a value lacks; of a choice the nearest ones."""
        key = self.identity(schemas[0])
        if key in stack:
            return []
        stack += (key,)
        own = [p for s in schemas for p in self.document.parts(s)]
        parts = own + list(outer)
        lacks = []
        if isinstance(value, dict):
            for name in self.required(own, parts):
                if name not in value:
                    lacks.append(pointer + "/" + escape(name))
            names = [n for p in own for n in (p.get("properties") or {})
                     if self.kind == "json"]
            for name in dict.fromkeys(names):
                definitions = self.definitions(parts, name)
                if name in value and definitions and \
                        not self.document.is_read_only(definitions):
                    lacks += self.missing(definitions, value[name],
                                          pointer + "/" + escape(name),
                                          stack)
        if isinstance(value, list) and self.kind == "json":
            for part in own:
                if isinstance(part.get("items"), dict):
                    for one in value:
                        lacks += self.missing([part["items"]], one,
                                              pointer + "/*", stack)
        shape = "object" if isinstance(value, dict) else \
            "array" if isinstance(value, list) else "scalar"
        for inner in self.choices(own):
            results = [self.missing([a], value, pointer, stack, parts)
                       for a in inner
                       if shape in self.document.shapes(a)]
            if results:
                lacks += min(results, key=len)
        return list(dict.fromkeys(lacks))


def escape(name):
    return name.replace("~", "~0").replace("/", "~1")


def removals(value, path=()):
    """Every member of a value, as a path to it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path + (name,)
            yield from removals(inner, path + (name,))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from removals(inner, path + (i,))


def without(value, path):
    value = copy.deepcopy(value)
    at = value
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return value


def base_path(servers):
    server = servers[0] if servers else {}
    url = server.get("url") or ""
    for name, variable in (server.get("variables") or {}).items():
        values = variable.get("enum")
        default = str(variable.get("default", ""))
        url = url.replace("{" + name + "}",
                          str(values[0]) if values else default)
    if "://" in url:
        url = "/" + (url.split("://", 1)[1] + "/").split("/", 1)[1]
    elif url.startswith("//"):
        url = "/" + (url[2:] + "/").split("/", 1)[1]
    url = re.split(r"[?#]", url)[0].rstrip("/")
    if url.startswith("./"):
        url = url[1:]
    return "" if url in ("", ".") else url if url[0] == "/" else "/" + url


class Head:
    """What the head of an operation's request needs."""

    def __init__(self, document, item, operation):
        self.document = document
        self.items = []       # (in, name, how to supply it)
        self.alternatives = []
        self.reasons = set()
        self.parameters(item, operation)
        self.security(operation)

    def add(self, where, name, supplied=None):
        if where in ("header", "cookie") and not TOKEN.match(name) or \
                not name or len(name.encode()) > 256:
            self.reasons.add("name impossible")
            return
        same = str.lower if where == "header" else str
        if not any(i[0] == where and same(i[1]) == same(name)
                   for i in self.items):
            self.items.append((where, name, supplied or name))

    def parameters(self, item, operation):
        follow = self.document.follow
        own = [p for p in map(follow, operation.get("parameters") or [])
               if isinstance(p, dict)]
        keys = {(p.get("name"), p.get("in")) for p in own}
        shared = [p for p in map(follow, item.get("parameters") or [])
                  if isinstance(p, dict) and
                  (p.get("name"), p.get("in")) not in keys]
        for parameter in shared + own:
            if parameter.get("required") is True:
                self.parameter(parameter)

    def parameter(self, parameter):
        where, name = parameter.get("in"), parameter.get("name")
        style = parameter.get("style") or "form"
        explode = parameter.get("explode", style == "form")
        schema = parameter.get("schema")
        if where == "header":
            if name.lower() not in IGNORED:
                self.add(where, name)
        elif where in ("query", "cookie"):
            if style == "deepObject" and where == "query":
                self.add(where, name, name + "[a]")
            elif explode and schema is not None and \
                    "content" not in parameter and \
                    self.document.is_object(schema):
                for part in self.document.parts(schema):
                    for word in part.get("required") or []:
                        self.add(where, word)
            else:
                self.add(where, name)

    def scheme(self, name):
        components = self.document.root.get("components") or {}
        scheme = self.document.follow(
            (components.get("securitySchemes") or {}).get(name))
        kind = (scheme or {}).get("type")
        if kind == "apiKey":
            where, key = scheme.get("in"), scheme.get("name") or ""
            if where in ("header", "query", "cookie") and key and \
                    (where == "query" or TOKEN.match(key)):
                return (where, key)
        elif kind == "http":
            word = scheme.get("scheme") or ""
            known = {"basic": "Basic", "bearer": "Bearer",
                     "digest": "Digest", "negotiate": "Negotiate",
                     "mutual": "Mutual", "hoba": "HOBA"}
            if TOKEN.match(word):
                return ("authorization", known.get(word.lower(), word))
        elif kind in ("oauth2", "openIdConnect"):
            return ("authorization", "Bearer")
        return None

    def security(self, operation):
        wanted = operation.get("security",
                               self.document.root.get("security")) or []
        for one in wanted:
            needs = []
            for need in map(self.scheme, one):
                if need is not None and need not in needs:
                    needs.append(need)
            http = [n for n in needs if n[0] == "authorization"]
            keys = [n for n in needs if n[0] != "authorization"]
            self.alternatives += [keys + [h] for h in http] or [keys]
        if any(not a for a in self.alternatives):
            self.alternatives = []

    def nearest(self, supplied):
        """The needs of the alternative that lacks the fewest."""
        def has(need):
            where, name = need
            if where == "header":
                name = name.lower()
                if name == "authorization" and \
                        any(s[0] == "authorization" for s in supplied):
                    return True
                return any(s[0] == "header" and s[1].lower() == name
                           for s in supplied)
            return need in supplied
        lacks = [[n for n in a if not has(n)] for a in self.alternatives]
        return min(lacks, key=len) if lacks else []


def fill_template(template):
    filled = re.sub(r"\{[^{}/]*\}", FILL, template)
    return urllib.parse.quote(filled, safe="/%:@!$&'()*+,;=-._~")


def shape_of(template):
    return re.sub(r"\{[^{}/]*\}", "{}", template)


def quote(text):
    return urllib.parse.quote(text, safe="")


def request(method, path, supplied, body, content_type):
    fields, query, cookies = [["Host", "a.example"]], [], []
    for where, name, value in supplied:
        if where == "header":
            fields.append([name, FILL])
        elif where == "query":
            query.append(quote(value) + "=" + FILL)
        elif where == "cookie":
            cookies.append(name + "=" + FILL)
        else:
            fields.append(["Authorization", name + " " + FILL])
    if cookies:
        fields.append(["Cookie", "; ".join(cookies)])
    result = {"m": method, "f": fields,
              "t": path + ("?" + "&".join(query) if query else "")}
    if body is not None:
        fields.append(["Content-Type", content_type])
        result["b"] = body
    return result


def body_text(value, kind):
    """A value as it travels; the boundary of a multipart is "b"."""
    if kind == "form":
        return urllib.parse.urlencode(value) or "zq=7"
    if kind == "multipart":
        parts = [f"--b\r\nContent-Disposition: form-data; name=\"{name}\""
                 f"\r\n\r\n{json.dumps(inner)}\r\n"
                 for name, inner in value.items()]
        return "".join(parts) + "--b--\r\n"
    return value if kind == "other" else json.dumps(value)


def kind_of(content_type):
    name = content_type.split(";")[0].strip().lower()
    if name in ("application/json", "text/json") or name.endswith("+json"):
        return "json" if "*" not in name else None
    return {"application/x-www-form-urlencoded": "form",
            "multipart/form-data": "multipart"}.get(name)


def body_of(document, method, operation):
    """(content type, media, kind, required), or None."""
    body = document.follow(operation.get("requestBody"))
    if not isinstance(body, dict) or method in ("GET", "HEAD", "TRACE"):
        return None
    content = body.get("content") or {}
    for content_type, media in content.items():
        media = document.follow(media)
        kind = kind_of(content_type)
        if kind and isinstance(media, dict) and "schema" in media:
            return content_type, media, kind, body.get("required") is True
    if body.get("required") is True:
        return "application/octet-stream", {}, "other", True
    return None


def requests_of(document, method, path, item, operation, counts):
    """Pairs of a request and what it must be told that it lacks."""
    head = Head(document, item, operation)
    for reason in head.reasons:
        counts["item: " + reason] += 1
    needed = list(head.items)
    for where, name in min(head.alternatives, key=len, default=[]):
        same = str.lower if where == "header" else str
        if not any(i[0] == where and same(i[1]) == same(name)
                   for i in needed):
            needed.append((where, name, name))
    found = body_of(document, method, operation)
    body, content_type, is_required = None, "", False
    if found:
        content_type, media, kind, is_required = found
        reader = Body(document, media, kind)
        value = FILL if kind == "other" else reader.make([media["schema"]])
        if kind in ("form", "multipart") and not isinstance(value, dict):
            value = {}
        if kind == "multipart":
            content_type = content_type.split(";")[0] + "; boundary=b"
        body = body_text(value, kind)
    yield request(method, path, needed, body, content_type), []
    for item_ in needed:
        supplied = [n for n in needed if n is not item_]
        pairs = [(s[0], s[1]) for s in supplied]
        lacks = [(i[0], i[1]) for i in head.items if i is item_]
        lacks += [n for n in head.nearest(pairs)
                  if not any(n[0] == l[0] and n[1].lower() == l[1].lower()
                             for l in lacks)]
        if not lacks:
            counts["item: another alternative is complete"] += 1
        elif lacks == [(item_[0], item_[1])]:
            counts["items left out: " + item_[0]] += 1
        yield request(method, path, supplied, body, content_type), lacks
    if is_required:
        counts["items left out: body"] += 1
        yield request(method, path, needed, None, ""), [("body", "")]
    if found and kind != "other":
        for at in removals(value):
            less = without(value, at)
            lacks = [("body", p) for p in
                     reader.missing([media["schema"]], less)]
            name = "".join("/*" if isinstance(s, int) else "/" + escape(s)
                           for s in at)
            if lacks == [("body", name)]:
                counts["items left out: body member"] += 1
            else:
                counts["item: changes the nearest alternative"] += 1
            yield request(method, path, needed, body_text(less, kind),
                          content_type), lacks


def operations_of(document, counts):
    root = document.root
    seen = set()
    for template, raw in (root.get("paths") or {}).items():
        if not template.startswith("/"):
            continue
        item = document.follow(raw)
        if not isinstance(item, dict):
            continue
        for method in METHODS:
            operation = item.get(method)
            if not isinstance(operation, dict):
                continue
            counts["operations"] += 1
            base = base_path(operation.get("servers") or
                             item.get("servers") or root.get("servers"))
            shape = (method, base, shape_of(template))
            if "#" in template or "?" in template:
                counts["operation: '#' or '?' in its path"] += 1
            elif template.count("{") != template.count("}") or \
                    re.search(r"\{[^}]*/", template):
                counts["operation: no template"] += 1
            elif shape in seen:
                counts["operation: same shape twice"] += 1
            else:
                seen.add(shape)
                yield method.upper(), base + template, item, operation


def check(job):
    checker, path = job
    counts = collections.Counter()
    failures = []
    with open(path, encoding="utf-8") as file:
        document = Document(json.load(file))
    wanted, lines = [], []
    for method, template, item, operation in operations_of(document, counts):
        target = fill_template(template)
        for made, lacks in requests_of(document, method, target, item,
                                       operation, counts):
            wanted.append((method, template, lacks))
            lines.append(json.dumps(made))
    run = subprocess.run([checker, "--warnings", path], text=True,
                         input="".join(one + "\n" for one in lines),
                         check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    warnings = [a["warning"][3] for a in answers if "warning" in a]
    answers = [a for a in answers if "warning" not in a]
    if run.returncode != 0 or len(answers) != len(wanted) + 1:
        failures.append(f"{path}: exit status {run.returncode}: "
                        f"{run.stdout[-300:]} {run.stderr[-600:]}")
        return counts, failures
    is_cut = any("too many members" in w for w in warnings)
    elsewhere = set()
    passed = set()
    for (method, template, lacks), line, answer in zip(wanted, lines,
                                                       answers[1:]):
        if (method, template) in elsewhere:
            continue
        if answer["o"].rstrip("/") != template.rstrip("/"):
            elsewhere.add((method, template))
            counts["operation: its request selects another template"] += 1
            if answer["o"] == "":
                failures.append(f"{path}: {method} {template}: no match")
            continue
        got = [(i[0], i[1]) for i in answer["i"] if i[3] == 0]
        counts["requests"] += 1
        if sorted(got) == sorted(lacks):
            passed.add((method, template))
        elif "//" in template and set(lacks) <= set(got):
            elsewhere.add((method, template))
            counts["operation: two slashes, another template judged too"] += 1
        elif is_cut and all(g[0] == "body" or g in lacks for g in got):
            counts["request: beyond the limit of members"] += 1
        else:
            failures.append(f"{path}: {method} {template}: lacks {lacks}, "
                            f"told {got}: {line[:600]}")
    counts["operations tried"] += len(passed)
    return counts, failures


def print_requests(path):
    """For compare.mjs, which asks another program the same."""
    counts = collections.Counter()
    with open(path, encoding="utf-8") as file:
        document = Document(json.load(file))
    for method, template, item, operation in operations_of(document, counts):
        head = Head(document, item, operation)
        own = {(i[0], i[1]) for i in head.items}
        base = base_path(operation.get("servers") or item.get("servers") or
                         document.root.get("servers"))
        for made, lacks in requests_of(document, method,
                                       fill_template(template), item,
                                       operation, counts):
            if all(l[0] == "body" or l in own for l in lacks):
                print(json.dumps(dict(made, base=fill_template(base),
                                      path=template[len(base):])))


def documents(folders, names):
    for folder in folders:
        for place, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(place, name)
                if name.endswith(".json") and name != "package.json" and \
                        (names is None or
                         os.path.relpath(path, folder) in names):
                    yield path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checker")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--list")
    parser.add_argument("--print", action="store_true",
                        help="the requests of one document, one a line")
    parser.add_argument("-j", type=int, default=os.cpu_count())
    args = parser.parse_args()
    if args.print:
        print_requests(args.folders[0])
        return 0
    names = None
    if args.list:
        with open(args.list, encoding="utf-8") as file:
            names = {line.strip() for line in file
                     if line.strip() and not line.startswith("#")}
    paths = sorted(documents(args.folders, names), key=os.path.getsize,
                   reverse=True)
    total = collections.Counter()
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(args.j) as pool:
        jobs = [(args.checker, path) for path in paths]
        for counts, failures in pool.map(check, jobs, chunksize=1):
            total.update(counts)
            total["documents"] += 1
            failed += len(failures)
            for failure in failures[:10]:
                print("not ok: " + failure, flush=True)
    for name, count in sorted(total.items()):
        print(f"{count:9d} {name}")
    if names is not None and len(paths) != len(names):
        print(f"not ok: {len(names)} documents listed, {len(paths)} found")
        failed += 1
    print(f"{failed:9d} failures")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
