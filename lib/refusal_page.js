(function () {
  "use strict";
  var form = document.querySelector("form");
  var output = document.querySelector("output");

  document.querySelectorAll(".url").forEach(function (place) {
    place.textContent = location.href.replace(/#.*/, "").replace(/'/g, "%27");
  });
  if (location.search) {
    document.querySelectorAll(".query").forEach(function (place) {
      place.textContent = "&";
    });
  }
  if (!form) {
    return;
  }

  function encode(text) {
    return btoa(String.fromCharCode.apply(null, new TextEncoder().encode(text)));
  }

  /* What the request had, and what was filled in. */
  function collect() {
    var all = { url: new URL(location.href), headers: new Headers(),
                body: new URLSearchParams(), bare: true };
    form.querySelectorAll("input").forEach(function (input) {
      var value = input.value, name = input.dataset.name || input.name;
      switch (input.dataset.in) {
      case "query":
        all.url.searchParams.delete(name);
        all.url.searchParams.append(name, value);
        break;
      case "cookie":
        document.cookie = name + "=" + value.replace(/[;\s]/g, encodeURIComponent) +
            "; path=/; SameSite=Lax";
        break;
      case "authorization":
        all.bare = false;
        all.headers.set("Authorization", name + " " +
            (name.toLowerCase() === "basic" ? encode(value) : value));
        break;
      case "header":
        all.bare = false;
        all.headers.set(name, value);
        break;
      default:
        all.body.append(name, value);
      }
    });
    return all;
  }

  function show(title, text, bad) {
    output.textContent = "";
    var head = document.createElement("h2");
    head.textContent = title;
    head.className = bad ? "bad" : "";
    head.tabIndex = -1;
    output.append(head);
    if (text) {
      var body = document.createElement("pre");
      body.tabIndex = 0;
      body.textContent = text;
      output.append(body);
    }
    head.focus();
  }

  function tell(response, text) {
    var say = response.status + " " + response.statusText;
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch (ignored) {
      /* Not JSON: as it came. */
    }
    show(response.ok ? "It worked: " + say : "The answer is still " + say,
         text.slice(0, 200000), !response.ok);
  }

  form.addEventListener("submit", function (event) {
    var all;
    event.preventDefault();
    try {
      all = collect();
    } catch (error) {
      show("A value cannot be sent: " + error.message, "", true);
      return;
    }
    if (all.bare && form.dataset.method === "GET") {
      if (all.url.href === location.href) {
        location.reload();
      } else {
        location.assign(all.url);
      }
      return;
    }
    output.textContent = "Sending…";
    fetch(all.url, {
      method: form.dataset.method,
      headers: all.headers,
      body: form.dataset.method === "GET" ? undefined : all.body,
      redirect: "follow"
    }).then(function (response) {
      return response.text().then(function (text) {
        tell(response, text);
      });
    }).catch(function (error) {
      show("The request could not be sent: " + error.message, "", true);
    });
  });
}());
