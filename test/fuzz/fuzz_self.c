/*
 * An account's pages: a request whose parts are separated by lines, to others
 * that answer with what is behind them.  Whatever comes, there is one whole
 * page, or a way to another one, without markup that is not ours.
 */
#include <string.h>

#include "ipc/line.h"
#include "ipc/msg_history.h"
#include "ipc/msg_person.h"
#include "ipc/proto.h"
#include "sieve/sieve.h"
#include "web/page/words.h"
#include "web/self/self.h"

static struct sv rest; /* what others say */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
ask_person(void *arg, struct msg *question, struct msg *reply)
{
	struct person_device d = {.made = 1};
	struct person_done done = {.rc = RC_OK};

	(void)arg;
	msg_init(reply, MSG_REPLY);
	d.label = sv_first(sv_split(&rest, '\n'), PERSON_LABEL_MAX - 1);
	if (question->type == PERSON_DEVICES) {
		person_devices_put(reply, &(struct person_devices){&d, 1});
	} else if (question->type == PERSON_ORDER) {
		done.text = sv_first(sv_split(&rest, '\n'), 300);
		done.rc = done.text.n % 2 == 0 ? RC_OK : RC_DENIED;
		done.field = (uint8_t)(done.text.n % PERSON_FIELDS);
		done.secret = done.link = done.text;
		person_done_put(reply, &done);
	} else {
		/* Anything, which may be no answer at all. */
		codec_put(&person_devices_codec, reply,
		    &(struct person_devices){&d, 1});
	}
	msg_fini(question);
	return RC_OK;
}

static int
ask_history(void *arg, struct msg *question, struct msg *reply)
{
	struct trace_story story = {.steps = rest};

	(void)arg;
	msg_fini(question);
	msg_init(reply, MSG_REPLY);
	trace_stories_put(reply, &(struct trace_stories){.rc = RC_OK,
				     .more = true,
				     .before = 1,
				     .story = &story,
				     .nstory = 1});
	return RC_OK;
}

static int
look_expunged(void *arg, const struct self_deleted *which, struct buf *lines,
    uint64_t *total)
{
	(void)arg;
	(void)which;
	buf_addsv(lines, sv_first(rest, 4000));
	*total = 1000;
	return RC_OK;
}

static int
undelete(void *arg, struct sv ids, uint64_t *messages)
{
	(void)arg;
	must(ids.n > 0 && sv_find(ids, SV("<")) == ids.n);
	*messages = 1;
	return RC_OK;
}

static void
look_usage(void *arg, struct self_usage *out)
{
	(void)arg;
	*out = (struct self_usage){1, rest.n, rest.n};
}

/* ---- rules of pages ---- */

/* Whatever is in them, what they become is a script. */
static void
check_rules(const struct pagerules *r)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_errors errors = {.n = 0};
	struct sieve_script *script = NULL;
	struct buf text;

	buf_init(&text, PAGERULES_SCRIPT_MAX);
	o.limits.script = PAGERULES_SCRIPT_MAX;
	o.limits.nesting = 2 * PAGERULES_FILTERS_MAX + 32;
	pagerules_sieve(r, &text);
	must(!buf_ok(&text) ||
	     sieve_compile(buf_sv(&text), &o, &script, &errors) == RC_OK);
	sieve_script_free(&script);
	buf_reset(&text);
	pagerules_list(r, &text);
	buf_fini(&text);
}

static void
look_rules(void *arg, struct pagerules *out)
{
	(void)arg;
	pagerules_init(out);
	for (unsigned i = 0; i < PAGERULES_PARTS; i++)
		pagerules_read(out, (enum pagerules_part)i, rest);
	check_rules(out);
}

static int
change_rules(
    void *arg, enum pagerules_part part, self_change_fn *fn, void *fn_arg)
{
	struct pagerules r, again;
	struct buf record;
	int rc;

	look_rules(arg, &r);
	rc = fn(fn_arg, &r);
	check_rules(&r);
	pagerules_init(&again);
	buf_init(&record, PAGERULES_RECORD_MAX);
	pagerules_write(&r, part, &record);
	if (buf_ok(&record))
		pagerules_read(&again, part, buf_sv(&record));
	check_rules(&again);
	buf_fini(&record);
	pagerules_fini(&again);
	pagerules_fini(&r);
	return rc;
}

static void
put_rest(void *arg, struct buf *out)
{
	(void)arg;
	buf_addsv(out, sv_first(rest, 400));
}

static bool
is_folder(void *arg, const char *name)
{
	(void)arg;
	return name[0] != ' ';
}

static const char *
local_zone(void *arg)
{
	(void)arg;
	return "UTC";
}

static int64_t
day_in(void *arg, const char *zone)
{
	(void)arg;
	return 20788 + zone[0];
}

static int
look_junk(void *arg, struct self_junk *out)
{
	(void)arg;
	*out = (struct self_junk){1, rest.n, 3, 4, 5};
	return RC_OK;
}

static int
send_letter(void *arg, struct sv to, struct sv subject, struct sv text)
{
	(void)arg;
	must(pagerules_is_address(to));
	must(sv_chr(subject, '\n') == subject.n && text.n > 0);
	return RC_OK;
}

static struct conf *
the_conf(void)
{
	static struct conf *conf;
	struct conf_errors e = {0};

	if (conf == NULL)
		must(conf_parse(SV("hostname: mail.a.test\n"
				   "domains: [a.test]\n"
				   "accounts: { anna: { addresses: "
				   "[anna@a.test] } }\n"),
			 "f", &conf, &e) == RC_OK);
	return conf;
}

static void
check(const struct self_reply *r)
{
	struct sv body = buf_sv(&r->body);

	must(buf_ok(&r->body) && buf_ok(&r->location));
	must(r->status == 303 ? r->location.n > 0 && body.n == 0
			      : sv_ends(body, SV("</html>\n")));
	must(sv_find(body, SV("<script")) == body.n);
	must(sv_find(body, SV("<!--")) == body.n);
	must(sv_chr(buf_sv(&r->location), '\n') == r->location.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct self_calls calls = {.person = ask_person,
	    .trace = ask_history,
	    .expunged = look_expunged,
	    .undelete = undelete,
	    .usage = look_usage,
	    .rules = look_rules,
	    .change = change_rules,
	    .script = put_rest,
	    .folders = put_rest,
	    .is_folder = is_folder,
	    .zones = put_rest,
	    .zone = local_zone,
	    .day = day_in,
	    .junk = look_junk,
	    .letter = send_letter};
	struct sv all = sv_of(data, size);
	struct page_ask ask = {.method = PAGE_GET};
	struct self_once *once = self_once_new();
	struct self_visit v = {.conf = the_conf(),
	    .account = "anna",
	    .csrf = SV("token"),
	    .session = 7,
	    .ask = &ask,
	    .once = once,
	    .calls = &calls};
	struct self_reply reply;
	struct buf form;

	buf_init(&form, PAGE_FORM_MAX);
	ask.path = sv_first(sv_split(&all, '\n'), PAGE_PATH_MAX - 1);
	ask.languages = sv_first(sv_split(&all, '\n'), PAGE_LANGUAGE_MAX - 1);
	ask.query = sv_first(sv_split(&all, '\n'), PAGE_QUERY_MAX - 1);
	buf_addf(&form, "csrf=token&%.*s", SV_ARG(sv_first(ask.query, 8000)));
	ask.form = buf_sv(&form);
	for (; ask.method < PAGE_METHODS; ask.method++) {
		rest = all;
		v.stranger = sv_starts(ask.path, SV("/confirm/"));
		self_reply_init(&reply);
		self_answer(&v, &reply);
		check(&reply);
		self_reply_fini(&reply);
	}
	self_once_free(&once);
	buf_fini(&form);
	return 0;
}
