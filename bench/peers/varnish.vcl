vcl 4.1;
# Varnish as a cache, with the VCL that it comes with behind what is said here. Requests and responses get the fields that
# Ringfence adds by default, where Varnish has them. Servers are not checked: its probes are requests, which would count.
import directors;

{{backends}}

sub vcl_init {
    new app = directors.round_robin();
{{members}}
}

sub vcl_recv {
    set req.backend_hint = app.backend();
    set req.http.X-Forwarded-Proto = "http";
    set req.http.X-Forwarded-Host = req.http.Host;
    set req.http.X-Real-IP = client.ip;
    set req.http.X-Request-ID = req.xid;
}

sub vcl_deliver {
    set resp.http.X-Request-ID = req.xid;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}
