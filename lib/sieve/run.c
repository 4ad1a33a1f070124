#include "sieve/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "sieve/compile.h"
#include "sieve/error.h"

/* Of the internal variable for flags. */
#define FLAGS_MAX 4096

static void
open_run(struct sieve_run *r, const struct sieve_message *message,
    const struct sieve_host *host, void *arg, struct sieve_result *result)
{
	*r = (struct sieve_run){.message = message,
	    .host = host,
	    .arg = arg,
	    .limits = SIEVE_LIMITS_DEFAULT,
	    .result = result,
	    .keep = true,
	    .compile = sieve_compile_included};
	r->now = host->now != NULL ? host->now(arg) : clk_now() / 1000;
	arena_init(&r->scratch);
	buf_init(&r->flags, FLAGS_MAX);
	for (size_t i = 0; i < message->nflag; i++)
		sieve_flags_add(message->flag[i], &r->flags);
	sieve_doc_open(&r->doc, message->bytes);
}

static void
close_run(struct sieve_run *r)
{
	for (size_t i = 0; i < r->nincluded; i++)
		sieve_script_free(&r->included[i].script);
	free(r->included);
	sieve_doc_fini(&r->doc);
	sieve_variables_fini(&r->global);
	buf_fini(&r->flags);
	arena_reset(&r->scratch);
}

/* What a script that fails gives back. */
struct before {
	struct sieve_action *action;
	struct sieve_record *record;
	size_t naction, nrecord;
	unsigned redirects, notifies;
	bool rejected;
	struct sv flags;
	/* The message as scripts before it have left it. */
	struct sv bytes, unenclosed;
	bool changed;
};

/* As the scripts have made it; false: that takes too much room, and it stays as
 * it came. */
static bool
whole_now(struct sieve_run *r, struct sv *out)
{
	struct sieve_node none = {.name = SV("keep")};
	struct sieve_scope scope = {
	    .script = &(struct sieve_script){.name = SV("")}};
	struct sieve_scope *at = r->scope;
	enum sieve_flow f;

	r->scope = &scope;
	f = sieve_doc_whole(r, &none, out);
	r->scope = at;
	return f == FLOW_ON;
}

static struct before
remember(struct sieve_run *r)
{
	struct before b = {.bytes = r->message->bytes,
	    .unenclosed = r->unenclosed,
	    .flags = sieve_keep_sv(r, buf_sv(&r->flags)),
	    .naction = r->naction,
	    .nrecord = r->nrecord,
	    .redirects = r->redirects,
	    .notifies = r->notifies,
	    .rejected = r->rejected};

	if (r->naction > 0) {
		b.action = arena_array(
		    &r->result->arena, r->naction, sizeof *b.action);
		memcpy(b.action, r->action, r->naction * sizeof *b.action);
	}
	if (r->nrecord > 0) {
		b.record = arena_array(
		    &r->result->arena, r->nrecord, sizeof *b.record);
		memcpy(b.record, r->record, r->nrecord * sizeof *b.record);
	}
	if (r->doc.changed)
		b.changed = whole_now(r, &b.bytes);
	return b;
}

static void
give_back(struct sieve_run *r, const struct before *b)
{
	r->naction = b->naction;
	if (b->naction > 0)
		memcpy(r->action, b->action, b->naction * sizeof *b->action);
	r->nrecord = b->nrecord;
	if (b->nrecord > 0)
		memcpy(r->record, b->record, b->nrecord * sizeof *b->record);
	r->redirects = b->redirects;
	r->notifies = b->notifies;
	r->rejected = b->rejected;
	r->keep = true;
	r->result->failed = true;
	/* What it has done to the message is gone as well. */
	buf_set(&r->flags, b->flags);
	sieve_doc_fini(&r->doc);
	sieve_doc_open(&r->doc, b->bytes);
	r->doc.changed = b->changed;
	r->unenclosed = b->unenclosed;
	r->loop = NULL;
	r->root = 0;
}

static enum sieve_flow
run_one(struct sieve_run *r, struct sieve_script *script)
{
	struct sieve_scope scope = {.script = script, .ext = script->ext};
	struct before b = remember(r);
	enum sieve_flow f;

	buf_init(&scope.matched, 64 << 10);
	/* Each has all of its own. */
	r->limits = script->limits;
	r->work = 0;
	r->scope = &scope;
	r->vacation_before |= r->vacation_done;
	r->vacation_done = false;
	r->earlier = r->naction;
	r->earlier_records = r->nrecord;
	f = sieve_exec(r, script->commands);
	if (f == FLOW_FAIL) {
		sieve_trace(r, NULL, "failed on line %u: %s",
		    r->result->error.line, r->result->error.text);
		give_back(r, &b);
	}
	r->scope = NULL;
	buf_fini(&scope.matched);
	sieve_variables_fini(&scope.own);
	return f;
}

/* keep that nobody wrote [RFC 5228 2.10.2], with the flags that are set. */
static void
implicit_keep(struct sieve_run *r)
{
	struct sieve_action a = {.kind = SIEVE_KEEP,
	    .implicit = true,
	    .script = SV(""),
	    .changed = r->doc.changed,
	    .message = r->message->bytes,
	    .store = {.mailbox = SV("INBOX")}};

	if (!whole_now(r, &a.message))
		a.changed = false;
	sieve_flags_split(r, buf_sv(&r->flags), &a.store);
	for (size_t i = 0; i < r->naction; i++)
		if (r->action[i].kind == SIEVE_KEEP) {
			r->action[i].store.flag = a.store.flag;
			r->action[i].store.nflag = a.store.nflag;
			return;
		}
	r->action = arena_grow(&r->result->arena, r->action, &r->action_cap,
	    r->naction + 1, sizeof *r->action);
	r->action[r->naction++] = a;
}

int
sieve_run(struct sieve_script *const *script, size_t n,
    const struct sieve_message *message, const struct sieve_host *host,
    void *arg, struct sieve_result *out)
{
	struct sieve_result result = {0};
	enum sieve_flow f = FLOW_ON;
	struct sieve_run r;

	arena_init(&result.arena);
	open_run(&r, message, host, arg, &result);
	for (size_t i = 0; i < n && r.keep && f != FLOW_TEMP && f != FLOW_FAIL;
	     i++)
		f = run_one(&r, script[i]);
	if (f != FLOW_TEMP && r.keep)
		implicit_keep(&r);
	result.action = r.action;
	result.n = r.naction;
	result.record = r.record;
	result.nrecord = r.nrecord;
	result.steps = r.steps;
	close_run(&r);
	if (f == FLOW_TEMP) {
		arena_reset(&result.arena);
		return RC_TEMP;
	}
	*out = result;
	return RC_OK;
}

void
sieve_result_fini(struct sieve_result *r)
{
	arena_reset(&r->arena);
	*r = (struct sieve_result){0};
}
