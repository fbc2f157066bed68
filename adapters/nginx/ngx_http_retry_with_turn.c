
/*
 * One obtain at a time for a scope (the rules of the exchange, 6): who comes
 * second waits until the first has settled, and is then given what was
 * learned.  Turns are kept in shared memory beside the recall, so that they
 * hold for all workers; who waits in the same worker is woken at once,
 * others look again by timer.
 */

#include "ngx_http_retry_with_module.h"


/* an origin that hangs holds the others no longer */
#define NGX_HTTP_RETRY_WITH_TURN_MSEC  30000

#define NGX_HTTP_RETRY_WITH_POLL_MIN   5
#define NGX_HTTP_RETRY_WITH_POLL_MAX   160


static void ngx_http_retry_with_turn_handler(ngx_event_t *ev);


/* of a worker: who waits for a turn */

static ngx_queue_t  ngx_http_retry_with_waiting;


/*
 * A worker that died ends no turn of its own.  Where its number was given to
 * another process since, the turn ends with its time.
 */

static ngx_uint_t
ngx_http_retry_with_is_dead(ngx_pid_t pid)
{
    return pid != ngx_pid && kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


/* with the lock held; NULL: somebody else has it */

static ngx_http_retry_with_turn_t *
ngx_http_retry_with_find_turn(ngx_http_retry_with_turns_t *turns,
    uint64_t key)
{
    ngx_uint_t                   i;
    ngx_http_retry_with_turn_t  *turn, *spare;

    static ngx_http_retry_with_turn_t  none;

    spare = &none;

    for (i = 0; i < NGX_HTTP_RETRY_WITH_TURNS; i++) {
        turn = &turns->turn[i];

        if (turn->owner == 0
            || (ngx_msec_int_t) (turn->expires - ngx_current_msec) <= 0)
        {
            spare = turn;
            continue;
        }

        if (turn->key == key) {

            if (ngx_http_retry_with_is_dead(turn->pid)) {
                turn->owner = 0;
                return turn;
            }

            return NULL;
        }
    }

    return spare;
}


/*
 * NGX_OK: the effect, which may be another one by now, is to be carried out;
 * NGX_AGAIN: wait
 */

ngx_int_t
ngx_http_retry_with_take_turn(ngx_http_retry_with_ctx_t *ctx)
{
    int                           rc;
    uint64_t                      key;
    ngx_shm_zone_t               *zone;
    const rwith_effect           *effect;
    ngx_http_retry_with_turn_t   *turn;
    ngx_http_retry_with_turns_t  *turns;

    zone = ctx->conf->recall;
    key = ctx->effect->scope_key;

    if (zone == NULL || key == 0 || ctx->turn) {
        return NGX_OK;
    }

    ngx_http_retry_with_recall_lock(zone);

    /* somebody may have settled since the challenge was sent */

    rc = rwith_exchange_recalled(ctx->exchange, ngx_current_msec, &effect);

    if (rc == RWITH_OK && effect->kind == RWITH_EFFECT_OBTAIN) {
        turns = ngx_http_retry_with_turns_of(zone);
        turn = ngx_http_retry_with_find_turn(turns, key);

        if (turn) {
            ctx->turn = ++turns->owners;
            ctx->turn_key = key;

            turn->key = key;
            turn->owner = ctx->turn;
            turn->pid = ngx_pid;
            turn->expires = ngx_current_msec + NGX_HTTP_RETRY_WITH_TURN_MSEC;

        } else {
            rc = RWITH_EFULL;
        }
    }

    ngx_http_retry_with_recall_unlock(zone);

    if (rc == RWITH_EFULL) {
        ctx->effect = effect;
        return NGX_AGAIN;
    }

    return ngx_http_retry_with_take_effect(ctx, rc, effect);
}


ngx_int_t
ngx_http_retry_with_await_turn(ngx_http_request_t *r,
    ngx_http_retry_with_ctx_t *ctx)
{
    if (ngx_http_retry_with_waiting.next == NULL) {
        ngx_queue_init(&ngx_http_retry_with_waiting);
    }

    ctx->turn_key = ctx->effect->scope_key;
    ctx->turn_poll = ctx->turn_poll
                     ? ngx_min(2 * ctx->turn_poll,
                               NGX_HTTP_RETRY_WITH_POLL_MAX)
                     : NGX_HTTP_RETRY_WITH_POLL_MIN;
    ctx->is_waiting = 1;

    ngx_queue_insert_tail(&ngx_http_retry_with_waiting, &ctx->waiting);

    return ngx_http_retry_with_wait(r, ctx, ngx_http_retry_with_turn_handler,
                                    ctx->turn_poll);
}


static void
ngx_http_retry_with_turn_handler(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_retry_with_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_queue_remove(&ctx->waiting);
    ctx->is_waiting = 0;

    r->read_event_handler = ngx_http_block_reading;
    ctx->state = NGX_HTTP_RETRY_WITH_HELD;

    ngx_http_finalize_request(r, ngx_http_retry_with_decide(r, ctx));

    ngx_http_run_posted_requests(c);
}


/* it has settled, or failed, or its client has left */

void
ngx_http_retry_with_end_turn(ngx_http_retry_with_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_queue_t                  *q;
    ngx_shm_zone_t               *zone;
    ngx_http_retry_with_ctx_t    *other;
    ngx_http_retry_with_turns_t  *turns;

    if (ctx->is_waiting) {
        ngx_queue_remove(&ctx->waiting);
        ctx->is_waiting = 0;
    }

    if (ctx->turn == 0) {
        return;
    }

    zone = ctx->conf->recall;
    turns = ngx_http_retry_with_turns_of(zone);

    ngx_http_retry_with_recall_lock(zone);

    for (i = 0; i < NGX_HTTP_RETRY_WITH_TURNS; i++) {
        if (turns->turn[i].owner == ctx->turn) {
            turns->turn[i].owner = 0;
            break;
        }
    }

    ngx_http_retry_with_recall_unlock(zone);

    ctx->turn = 0;

    if (ngx_http_retry_with_waiting.next == NULL) {
        return;
    }

    for (q = ngx_queue_head(&ngx_http_retry_with_waiting);
         q != ngx_queue_sentinel(&ngx_http_retry_with_waiting);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ngx_http_retry_with_ctx_t, waiting);

        if (other->turn_key == ctx->turn_key && other->timer.timer_set) {
            ngx_del_timer(&other->timer);
            ngx_add_timer(&other->timer, 0);
        }
    }
}
