#include "acme/state.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"

#define RECORDS_MAX 10000
#define VERSION	    1
#define HOUR	    3600
#define BAD_MOST_S  (7 * 24 * HOUR)

void
acme_state_init(struct acme_state *s)
{
	memset(s, 0, sizeof *s);
}

void
acme_state_fini(struct acme_state *s)
{
	free(s->record);
	acme_state_init(s);
}

struct acme_record *
acme_state_record(struct acme_state *s, const char *file)
{
	struct acme_record *r;
	unsigned i;

	for (i = 0; i < s->nrecord; i++)
		if (strcmp(s->record[i].file, file) == 0)
			return &s->record[i];
	s->record = xreallocarray(s->record, s->nrecord + 1, sizeof *s->record);
	r = &s->record[s->nrecord++];
	memset(r, 0, sizeof *r);
	sv_copy(sv_first(sv_str(file), sizeof r->file - 1), r->file,
	    sizeof r->file);
	return r;
}

bool
acme_record_resume(struct acme_record *r, int64_t now)
{
	int64_t *const times[] = {&r->begun, &r->first_failed, &r->life.failed,
	    &r->life.issued, &r->life.window_seen, &r->next_key};
	size_t i;

	for (i = 0; i < sizeof times / sizeof times[0]; i++)
		if (*times[i] > now)
			*times[i] = now;
	if (r->begun == 0)
		return false;
	if (r->cuts++ > 0) {
		r->life.failures++;
		r->life.failed = r->begun;
		if (r->first_failed == 0)
			r->first_failed = r->begun;
		sv_copy(SV("the attempts before were cut off; the log says by "
			   "what"),
		    r->why, sizeof r->why);
	}
	r->begun = 0;
	return true;
}

/* ---- names ---- */

static struct acme_bad_name *
find_bad(struct acme_record *r, const char *name)
{
	unsigned i;

	for (i = 0; i < r->nbad; i++)
		if (strcmp(r->bad[i].name, name) == 0)
			return &r->bad[i];
	return NULL;
}

const struct acme_bad_name *
acme_record_bad(const struct acme_record *r, const char *name, int64_t now)
{
	unsigned i;

	for (i = 0; i < r->nbad; i++)
		if (strcmp(r->bad[i].name, name) == 0)
			/* A clock that was set back does not make it
			 * everlasting. */
			return r->bad[i].until > now &&
				       r->bad[i].until <= now + BAD_MOST_S
				   ? &r->bad[i]
				   : NULL;
	return NULL;
}

bool
acme_record_is_blamed(const struct acme_record *r, const char *name)
{
	unsigned i;

	for (i = 0; i < r->nbad; i++)
		if (strcmp(r->bad[i].name, name) == 0)
			return true;
	return false;
}

void
acme_record_blame(
    struct acme_record *r, const char *name, const char *why, int64_t now)
{
	struct acme_bad_name *b = find_bad(r, name);
	int64_t wait = 12 * HOUR;
	unsigned i;

	if (b == NULL && r->nbad == ACME_NAMES_MAX)
		return;
	if (b == NULL) {
		b = &r->bad[r->nbad++];
		memset(b, 0, sizeof *b);
		sv_copy(sv_first(sv_str(name), sizeof b->name - 1), b->name,
		    sizeof b->name);
	}
	sv_copy(
	    sv_first(sv_str(why), sizeof b->why - 1), b->why, sizeof b->why);
	for (i = 0; i < b->failures && wait < BAD_MOST_S; i++)
		wait *= 2;
	b->failures++;
	b->until = now + (wait < BAD_MOST_S ? wait : BAD_MOST_S);
}

void
acme_record_clear(struct acme_record *r, const char *name)
{
	struct acme_bad_name *b = find_bad(r, name);

	if (b != NULL)
		*b = r->bad[--r->nbad];
}

/* ---- reading ---- */

static int64_t
get_number(const json_t *o, const char *key, int64_t most)
{
	const json_t *v = json_object_get(o, key);
	json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;

	return n < 0 || n > most ? 0 : (int64_t)n;
}

#define TIME_MAX_S ((int64_t)1 << 40)

static void
get_string(const json_t *o, const char *key, char *out, size_t size)
{
	const json_t *v = json_object_get(o, key);

	out[0] = '\0';
	if (json_is_string(v) && json_string_length(v) < size)
		sv_copy(sv_of(json_string_value(v), json_string_length(v)), out,
		    size);
}

#define GET_STRING(o, key, field) get_string(o, key, field, sizeof(field))

static void
read_bad(const json_t *o, struct acme_record *r)
{
	const json_t *list = json_object_get(o, "names"), *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		struct acme_bad_name *b = &r->bad[r->nbad];

		if (r->nbad == ACME_NAMES_MAX)
			return;
		GET_STRING(v, "name", b->name);
		GET_STRING(v, "why", b->why);
		b->until = get_number(v, "until", TIME_MAX_S);
		b->failures = (unsigned)get_number(v, "failures", 1000);
		r->nbad += b->name[0] != '\0';
	}
}

static void
read_record(const json_t *o, struct acme_record *r)
{
	struct acme_life *l = &r->life;

	l->window_start = get_number(o, "window_start", TIME_MAX_S);
	l->window_end = get_number(o, "window_end", TIME_MAX_S);
	l->window_seen = get_number(o, "window_seen", TIME_MAX_S);
	l->issued = get_number(o, "issued", TIME_MAX_S);
	l->failures = (unsigned)get_number(o, "failures", 100000);
	l->failed = get_number(o, "failed", TIME_MAX_S);
	l->not_sooner = get_number(o, "not_sooner", TIME_MAX_S);
	l->chance = (uint32_t)get_number(o, "chance", UINT32_MAX);
	r->ask_window = get_number(o, "ask_window", TIME_MAX_S);
	r->begun = get_number(o, "begun", TIME_MAX_S);
	r->cuts = (unsigned)get_number(o, "cuts", 100000);
	r->first_failed = get_number(o, "first_failed", TIME_MAX_S);
	r->told = (unsigned)get_number(o, "told", 3);
	r->way = (enum acme_way)get_number(o, "way", ACME_WAYS - 1);
	r->failed_ways =
	    (unsigned)get_number(o, "failed_ways", (1 << ACME_WAYS) - 1);
	r->next = get_number(o, "next", TIME_MAX_S);
	r->next_key = get_number(o, "next_key", TIME_MAX_S);
	GET_STRING(o, "reason", r->reason);
	GET_STRING(o, "window_id", r->window_id);
	GET_STRING(o, "asked_id", r->asked_id);
	GET_STRING(o, "explanation", r->explanation);
	GET_STRING(o, "why", r->why);
	read_bad(o, r);
}

int
acme_state_read(struct sv text, struct acme_state *s, struct err *err)
{
	json_t *root = NULL, *list, *v;
	json_error_t why;
	const char *key;

	acme_state_init(s);
	if (text.n > 0 && text.n <= ACME_STATE_MAX)
		root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(root) ||
	    get_number(root, "version", INT64_MAX) != VERSION) {
		json_decref(root);
		return err_set(err, RC_SYNTAX,
		    text.n == 0 ? "it is empty" : "it is damaged");
	}
	GET_STRING(root, "directory", s->directory);
	GET_STRING(root, "account", s->account);
	list = json_object_get(root, "certificates");
	json_object_foreach(list, key, v)
	{
		if (s->nrecord < RECORDS_MAX && json_is_object(v))
			read_record(v, acme_state_record(s, key));
	}
	json_decref(root);
	return RC_OK;
}

/* ---- printing ---- */

static void
put_number(json_t *o, const char *key, int64_t v)
{
	if (v != 0)
		(void)json_object_set_new(o, key, json_integer(v));
}

static void
put_string(json_t *o, const char *key, const char *v)
{
	if (v[0] != '\0')
		(void)json_object_set_new(o, key, json_string(v));
}

static json_t *
print_bad(const struct acme_record *r)
{
	json_t *list = json_array();
	unsigned i;

	for (i = 0; i < r->nbad; i++) {
		json_t *o = json_object();

		put_string(o, "name", r->bad[i].name);
		put_string(o, "why", r->bad[i].why);
		put_number(o, "until", r->bad[i].until);
		put_number(o, "failures", r->bad[i].failures);
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *
print_record(const struct acme_record *r)
{
	const struct acme_life *l = &r->life;
	json_t *o = json_object();

	put_number(o, "window_start", l->window_start);
	put_number(o, "window_end", l->window_end);
	put_number(o, "window_seen", l->window_seen);
	put_number(o, "issued", l->issued);
	put_number(o, "failures", l->failures);
	put_number(o, "failed", l->failed);
	put_number(o, "not_sooner", l->not_sooner);
	put_number(o, "chance", l->chance);
	put_number(o, "ask_window", r->ask_window);
	put_number(o, "begun", r->begun);
	put_number(o, "cuts", r->cuts);
	put_number(o, "first_failed", r->first_failed);
	put_number(o, "told", r->told);
	put_number(o, "way", r->way);
	put_number(o, "failed_ways", r->failed_ways);
	put_number(o, "next", r->next);
	put_number(o, "next_key", r->next_key);
	put_string(o, "reason", r->reason);
	put_string(o, "window_id", r->window_id);
	put_string(o, "asked_id", r->asked_id);
	put_string(o, "explanation", r->explanation);
	put_string(o, "why", r->why);
	if (r->nbad > 0)
		(void)json_object_set_new(o, "names", print_bad(r));
	return o;
}

void
acme_state_print(const struct acme_state *s, struct buf *out)
{
	json_t *root = json_object(), *all = json_object();
	char *text;
	unsigned i;

	put_number(root, "version", VERSION);
	put_string(root, "directory", s->directory);
	put_string(root, "account", s->account);
	for (i = 0; i < s->nrecord; i++)
		(void)json_object_set_new(
		    all, s->record[i].file, print_record(&s->record[i]));
	(void)json_object_set_new(root, "certificates", all);
	text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	must(text != NULL);
	buf_adds(out, text);
	buf_addc(out, '\n');
	free(text);
	json_decref(root);
}
