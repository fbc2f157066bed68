/* cc fetch.c $(pkg-config --cflags --libs libretrywith-curl) -o fetch
 * ./fetch http://127.0.0.1:4490/retrywith/demo X-Custom-Auth sesame */
#include <retrywith/curl.h>

int main(int argc, char **argv)
{
    const rwith_curl_result *result = NULL;
    rwith_supply *supply = NULL;
    rwith_curl *session = NULL;
    rwith_origin origin;
    rwith_slice path;

    if (argc != 4 || rwith_origin_parse(rwith_slice_of(argv[1]), NULL, 0,
                                        &origin, &path) != RWITH_OK) {
        fprintf(stderr, "usage: fetch http://host:port/path NAME VALUE\n");
        return 101;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();

    /* The value goes to this origin, when it asks for it, nowhere else. */
    if (easy != NULL && rwith_supply_new(NULL, &supply) == RWITH_OK &&
        rwith_supply_give(supply, &origin, RWITH_IN_HEADER,
                          rwith_slice_of(argv[2]),
                          rwith_slice_of(argv[3])) == RWITH_OK) {
        rwith_curl_options options = { .supply = supply };
        rwith_curl_request request = { .easy = easy, .url = argv[1] };

        if (rwith_curl_new(&options, &session) == RWITH_OK) {
            (void)rwith_curl_perform(session, &request, &result);
        }
    }
    int status = result != NULL && result->status == 200 ? 0 : 1;
    rwith_curl_free(session);
    rwith_supply_free(supply);
    curl_easy_cleanup(easy);
    return status;
}
