vcl 4.1;
import std;
backend origin { .host = "127.0.0.1"; .port = "PORT"; }
sub vcl_recv { std.cache_req_body(2MB); return (pass); }
sub vcl_backend_response {
    if (beresp.status == 449 && bereq.retries == 0 &&
        beresp.http.Ms-Echo-Request) {
        set bereq.http.Ms-Echo-Reply = beresp.http.Ms-Echo-Request;
        return (retry);
    }
    set beresp.uncacheable = true;
}
