(function () {
  "use strict";
  /* The names of a form's fields hide its own properties: nothing is asked of
     the form itself. */
  var button = document.querySelector("form button");
  var output = document.querySelector("output");
  var result = document.querySelector("section");
  var places = { header: "header field", query: "query parameter",
                 cookie: "cookie", body: "form field",
                 authorization: "authorization" };

  function all(selector, act) {
    document.querySelectorAll(selector).forEach(act);
  }

  function make(tag, className, text) {
    var element = document.createElement(tag);
    element.className = className || "";
    element.textContent = text || "";
    return element;
  }

  /* --- lines for a terminal --- */

  all(".url", function (place) {
    place.textContent = location.href.replace(/#.*/, "").replace(/'/g, "%27");
    place.classList.remove("put");
  });
  if (location.search) {
    all(".query", function (place) {
      place.textContent = "&";
    });
  }
  all("figure", function (figure) {
    if (!navigator.clipboard) {
      return;
    }
    var copy = make("button", "", "Copy");
    copy.type = "button";
    copy.setAttribute("aria-label", "Copy the line of " +
        figure.querySelector("figcaption").textContent);
    copy.addEventListener("click", function () {
      navigator.clipboard.writeText(figure.querySelector("pre").textContent)
          .then(function () { copy.textContent = "Copied"; })
          .catch(function () { copy.textContent = "Not allowed"; });
    });
    figure.append(copy);
  });

  /* --- what a value may be --- */

  function choices(schema) {
    var values = schema.type === "boolean" ? [true, false] : schema.enum;
    return Array.isArray(values) && values.length > 0 && values.length <= 100 &&
        values.every(function (value) {
          return value !== null && typeof value !== "object" && value !== "";
        }) ? values.map(String) : null;
  }

  function choose(input, values) {
    var select = document.createElement("select");
    var none = make("option", "", "Choose\u2026");
    none.value = "";
    select.append(none);
    values.forEach(function (value) {
      select.append(make("option", "", value));
    });
    select.id = input.id;
    select.name = input.name;
    select.required = true;
    Object.assign(select.dataset, input.dataset);
    if (input.hasAttribute("aria-describedby")) {
      select.setAttribute("aria-describedby",
                          input.getAttribute("aria-describedby"));
    }
    input.replaceWith(select);
  }

  function guide(item) {
    var schema, values, input = item.querySelector("input");
    try {
      schema = JSON.parse(item.dataset.schema);
      values = choices(schema);
    } catch (ignored) {
      return;
    }
    if (input && values) {
      choose(input, values);
    } else if (values) {
      item.append(make("p", "hint", "One of: " + values.join(", ")));
    } else if (input && /^(integer|number)$/.test(schema.type)) {
      input.inputMode = schema.type === "number" ? "decimal" : "numeric";
    }
  }

  all("[data-schema]", guide);
  if (!button) {
    return;
  }
  button.disabled = false;

  /* --- sending it again --- */

  /* Of the answer that came last: it goes back with the next request. */
  var echo = button.dataset.echo;

  function encode(text) {
    var bytes = "";
    new TextEncoder().encode(text).forEach(function (byte) {
      bytes += String.fromCharCode(byte);
    });
    return btoa(bytes);
  }

  /* The other parameters stay as they are, byte for byte. */
  function setQuery(url, name, value) {
    var rest = url.search.slice(1).split("&").filter(function (pair) {
      return pair && !new URLSearchParams(pair).has(name);
    });
    rest.push(encodeURIComponent(name) + "=" + encodeURIComponent(value));
    url.search = rest.join("&");
  }

  function setCookie(name, value) {
    var text = name + "=" + value.replace(/[^!#-+.-:<-\[\]-~-]/gu,
                                          encodeURIComponent);
    document.cookie = text + "; path=/; SameSite=Lax" +
        (/^https/.test(location.protocol) ? "; Secure" : "");
    if (document.cookie.split(/; */).indexOf(text) < 0) {
      throw new Error("the browser does not let this page set the cookie " +
                      name + ". The lines below do.");
    }
  }

  /* What the request had, and what was filled in. */
  function collect() {
    var to = { url: new URL(location.href), headers: new Headers(),
               body: new URLSearchParams(), bare: true };
    var user = "";
    to.url.hash = "";
    all("form input, form select", function (input) {
      var value = input.value, name = input.dataset.name || input.name;
      switch (input.dataset.in) {
      case "query":
        setQuery(to.url, name, value);
        break;
      case "cookie":
        setCookie(name, value);
        break;
      case "authorization":
        to.bare = false;
        if (input.dataset.part === "user") {
          user = value;
          break;
        }
        to.headers.set("Authorization", name + " " +
            (input.dataset.part ? encode(user + ":" + value) : value));
        break;
      case "header":
        to.bare = false;
        to.headers.set(name, value);
        break;
      default:
        to.body.append(name, value);
      }
    });
    return to;
  }

  function say(text, bad) {
    output.className = bad ? "bad" : "";
    output.textContent = text;
  }

  /* The answer goes below the form, as text or as a file. */
  function show(response, type, blob, text) {
    var good = response.ok, line = response.status + " " + response.statusText;
    result.textContent = "";
    result.className = "card " + (good ? "good" : "bad");
    result.append(make("h2", "", good ? "It worked"
                                      : "The server did not accept it"));
    result.append(make("p", "meta", [line.trim(), type.split(";")[0],
        blob.size + " bytes"].filter(Boolean).join(" \u00b7 ")));
    if (text) {
      var body = make("pre", "", text.slice(0, 200000));
      body.tabIndex = 0;
      body.setAttribute("aria-label", "The answer");
      result.append(body);
    } else if (blob.size > 0) {
      var link = make("a", "", "Save the answer");
      link.href = URL.createObjectURL(blob);
      link.download = location.pathname.split("/").pop() || "answer";
      result.append(link);
    }
    result.hidden = false;
    result.focus();
  }

  function has(item) {
    var found = false;
    all("[data-in]", function (input) {
      found = found || (input.dataset.in === item.in &&
                        (input.dataset.name || input.name) === item.name);
    });
    return found;
  }

  /* What only this answer names gets a place in the form, too. */
  function grow(missing) {
    var first;
    missing.filter(Boolean).forEach(function (item) {
      item.name = item.name || item.scheme || (item.pointer || "").slice(1);
      if (!places[item.in] || !item.name || has(item) ||
          (item.in === "body" && button.dataset.method !== "POST") ||
          (item.in === "authorization" && !/^bearer$/i.test(item.name))) {
        return;
      }
      var place = make("div", "item"), label = make("label", "head");
      var input = document.createElement("input");
      input.id = "n" + document.querySelectorAll("[data-in]").length;
      input.required = true;
      input.autocomplete = "off";
      input.dataset.in = item.in;
      if (item.in === "body") {
        input.name = item.name;
      } else {
        input.dataset.name = item.name;
      }
      label.htmlFor = input.id;
      label.append(make("span", "name", item.name),
                   make("span", "place", places[item.in]));
      place.append(label);
      if (item.description) {
        var hint = make("p", "hint", item.description);
        hint.id = input.id + "h";
        input.setAttribute("aria-describedby", hint.id);
        place.append(hint);
      }
      place.append(input);
      if (item.schema) {
        place.dataset.schema = JSON.stringify(item.schema);
      }
      button.before(place);
      guide(place);
      first = first || place.querySelector("input,select");
    });
    return first;
  }

  function tell(response, blob) {
    var type = response.headers.get("Content-Type") || "";
    var is_text = /^text\/|[\/+](json|xml|yaml)\b|javascript|urlencoded/i
        .test(type) || !type;
    return (is_text ? blob.text() : Promise.resolve("")).then(function (text) {
      var data, first;
      try {
        data = JSON.parse(text);
        text = JSON.stringify(data, null, 2);
      } catch (ignored) {
        /* Not JSON: as it came. */
      }
      if (!response.ok && data && Array.isArray(data.missing)) {
        first = grow(data.missing);
      }
      if (first) {
        result.hidden = true;
        say("The server needs one thing more.");
        first.focus();
        return;
      }
      say("");
      show(response, type, blob, text);
    });
  }

  function send(to) {
    button.disabled = true;
    say("Sending\u2026");
    if (echo) {
      to.headers.set("Ms-Echo-Reply", echo);
    }
    fetch(to.url, {
      method: button.dataset.method,
      headers: to.headers,
      body: button.dataset.method === "GET" ? undefined : to.body,
      cache: "no-store"
    }).then(function (response) {
      echo = response.headers.get("Ms-Echo-Request");
      return response.blob().then(function (blob) {
        return tell(response, blob);
      });
    }).catch(function (error) {
      say("No answer could be read: " + error.message + ".", true);
    }).then(function () {
      button.disabled = false;
    });
  }

  document.addEventListener("submit", function (event) {
    var to;
    try {
      to = collect();
    } catch (error) {
      event.preventDefault();
      say("This cannot be sent: " + error.message, true);
      return;
    }
    if (to.bare && button.dataset.method === "POST") {
      button.formAction = to.url;
      return; /* as a form: the browser shows what comes */
    }
    event.preventDefault();
    if (!to.bare) {
      send(to);
    } else if (to.url.href === location.href) {
      location.reload();
    } else {
      location.assign(to.url);
    }
  });
}());
