"""mitmproxy: replay a 449 from an addon."""
from mitmproxy import ctx


class RetryWith:
    async def response(self, flow):
        echo = flow.response.headers.get("Ms-Echo-Request")
        if flow.response.status_code != 449 or echo is None:
            return
        import http.client
        connection = http.client.HTTPConnection(
            flow.request.host, flow.request.port, timeout=20)
        headers = dict(flow.request.headers)
        headers["Ms-Echo-Reply"] = echo
        connection.request(flow.request.method, flow.request.path,
                           flow.request.raw_content, headers)
        answer = connection.getresponse()
        flow.response.status_code = answer.status
        flow.response.content = answer.read()
        connection.close()


addons = [RetryWith()]
