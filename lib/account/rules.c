/* The scripts: compiled once, run at a delivery, tried without one. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "account/rules_priv.h"
#include "base/alloc.h"
#include "base/ascii.h"
#include "base/clk.h"
#include "base/log.h"
#include "mail/date.h"

#define SPAM_CERTAIN 100

/* ---- life ---- */

struct rules *
rules_new(struct store *store)
{
	struct rules *r = xcalloc(1, sizeof *r);

	r->store = store;
	r->account = -1;
	pagerules_init(&r->page);
	return r;
}

static void
forget_scripts(struct rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		sieve_script_free(&r->script[i].script);
		free(r->script[i].error);
		free(r->script[i].name);
	}
	free(r->script);
	r->script = NULL;
	r->n = 0;
	rules_page_forget(r);
}

void
rules_free(struct rules **rp)
{
	struct rules *r = *rp;

	if (r == NULL)
		return;
	forget_scripts(r);
	conf_free(&r->conf);
	free(r);
	*rp = NULL;
}

void
rules_set_conf(struct rules *r, struct conf *conf, const char *account)
{
	struct conf *old = r->conf;

	r->conf = conf_ref(conf);
	conf_free(&old);
	r->account = conf_account_by_name(conf, sv_str(account));
}

void
rules_set_zones(struct rules *r, const struct zones *zones)
{
	r->zones = zones;
}

/* ---- compiling ---- */

/* Takes script; error: NULL, or why there is none. */
static void
add_script(struct rules *r, const char *name, struct sieve_script *script,
    const char *error)
{
	r->script = xreallocarray(r->script, r->n + 1, sizeof *r->script);
	r->script[r->n++] = (struct rules_script){.name = xstrdup(name),
	    .script = script,
	    .error = error != NULL ? xstrdup(error) : NULL};
}

/* What a page forwards takes nothing from a script. */
static struct sieve_options
own_options(const struct rules *r, struct sv name)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;

	o.name = name;
	o.limits.redirects += r->page.forward.on && r->page.forward.confirmed;
	return o;
}

static void
load_one(struct rules *r, enum store_script_kind kind, const char *name)
{
	struct sieve_options o = own_options(r, sv_str(name));
	struct sieve_errors *errors = xcalloc(1, sizeof *errors);
	struct sieve_script *script = NULL;
	struct buf text, why;
	uint64_t need = 0;

	buf_init(&text, STORE_SCRIPT_MAX + 1);
	buf_init(&why, 2 * SIEVE_ERROR_MAX * SIEVE_ERRORS_MAX);
	if (store_script_get(r->store, kind, sv_str(name), &text, &need) !=
		RC_OK ||
	    sieve_compile(buf_sv(&text), &o, &script, errors) != RC_OK) {
		sieve_errors_print(errors, NULL, &why);
		script = NULL;
		mlog(LOG_WARN, "rules.compile",
		    "text=\"a script that was taken once is no longer "
		    "understood\"");
	}
	add_script(r, name, script, script == NULL ? why.p : NULL);
	buf_fini(&why);
	buf_fini(&text);
	free(errors);
}

static void
load_scripts(struct rules *r)
{
	struct sieve_script *page = NULL;
	struct store_scripts l;
	struct buf active;
	uint64_t need = 0;

	if (rules_page_load(r, &page))
		add_script(r, "page", page,
		    page == NULL ? "the rules of the page cannot be run"
				 : NULL);
	store_script_list(r->store, STORE_SCRIPT_PAGE, &l, &need);
	for (size_t i = 0; i < l.n; i++)
		load_one(r, STORE_SCRIPT_PAGE, l.s[i].name);
	store_scripts_fini(&l);
	buf_init(&active, STORE_SCRIPT_NAME_MAX + 1);
	if (store_script_active(r->store, &active, &need) == RC_OK) {
		load_one(r, STORE_SCRIPT_PERSON, active.p);
		r->script[r->n - 1].active = true;
	}
	buf_fini(&active);
}

bool
rules_present(struct rules *r)
{
	uint64_t version = store_script_version(r->store);

	if (version != r->version) {
		forget_scripts(r);
		load_scripts(r);
		r->version = version;
	}
	return r->n > 0;
}

int
rules_check(struct sv name, struct sv script, struct buf *lines)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_errors *errors = xcalloc(1, sizeof *errors);
	struct sieve_errors *warnings = xcalloc(1, sizeof *warnings);
	struct sieve_script *s = NULL;
	char text[SIEVE_NAME_MAX + 1] = "";
	int r;

	sv_copy(sv_first(name, SIEVE_NAME_MAX), text, sizeof text);
	o.warnings = warnings;
	r = sieve_compile(script, &o, &s, errors);
	sieve_errors_print(r == RC_OK ? warnings : errors,
	    text[0] != '\0' ? text : NULL, lines);
	sieve_script_free(&s);
	free(warnings);
	free(errors);
	return r;
}

/* ---- running ---- */

static struct sieve_message
sieve_message_of(const struct rules_message *m)
{
	return (struct sieve_message){.bytes = m->bytes,
	    .has_envelope = m->written.n > 0,
	    .from = m->sender,
	    .to = m->written,
	    .spam = m->junk_score > 0  ? m->junk_score
		    : m->junk	       ? SPAM_CERTAIN
		    : m->verdict.n > 0 ? 0
				       : -1,
	    .junk = m->junk};
}

/* All that run before the person's, and that one or the active one. */
static int
run_with(struct rules *r, struct sieve_script *own, struct rules_run *run,
    const struct sieve_message *message, struct sieve_result *out)
{
	struct sieve_script **s = xcalloc(r->n + 1, sizeof(*s));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < r->n; i++)
		if (r->script[i].script != NULL &&
		    (own == NULL || !r->script[i].active))
			s[n++] = r->script[i].script;
	if (own != NULL)
		s[n++] = own;
	rc = sieve_run(s, n, message, &rules_host, run, out);
	free(s);
	return rc;
}

int
rules_run_scripts(
    struct rules *r, const struct rules_message *m, struct sieve_result *out)
{
	struct rules_run run = {r, m, NULL};
	struct sieve_message message = sieve_message_of(m);

	return run_with(r, NULL, &run, &message, out);
}

static void
print_result(struct rules *r, const struct sieve_result *res, struct buf *lines)
{
	for (size_t i = 0; i < res->n; i++) {
		buf_adds(lines, "=> ");
		sieve_action_print(&res->action[i], lines);
		buf_adds(lines, rules_provided(r, &res->action[i]));
		buf_addc(lines, '\n');
	}
	if (res->n == 0)
		buf_adds(lines, "=> discard\n");
	if (res->failed) {
		if (sv_eq(res->failed_script, SV(PAGERULES_SCRIPT))) {
			buf_adds(lines, "=> the rules of the page fail: ");
			rules_where(
			    r, res->failed_script, res->error.line, lines);
			buf_addf(lines, ": %s\n", res->error.text);
		} else {
			buf_addf(lines,
			    "=> it fails at line %u, column %u: %s\n",
			    res->error.line, res->error.column,
			    res->error.text);
		}
	}
}

int
rules_test(struct rules *r, struct sv name, struct sv script,
    const struct rules_message *m, struct buf *lines)
{
	struct rules_run run = {r, m, lines};
	struct sieve_message message = sieve_message_of(m);
	struct sieve_options o;
	struct sieve_errors *errors = xcalloc(1, sizeof *errors);
	struct sieve_script *s = NULL;
	struct sieve_result res;
	int rc = RC_OK;

	(void)rules_present(r);
	o = own_options(r, name);
	if (name.n > 0)
		rc = sieve_compile(script, &o, &s, errors);
	if (rc != RC_OK)
		sieve_errors_print(errors, NULL, lines);
	else
		rc = run_with(r, s, &run, &message, &res);
	if (rc == RC_OK) {
		print_result(r, &res, lines);
		sieve_result_fini(&res);
	}
	sieve_script_free(&s);
	free(errors);
	return rc;
}

/* ---- letters ---- */

static void
add_lines(struct sv text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\n')
			buf_adds(out, "\r\n");
		else
			buf_addc(
			    out, ascii_is_ctl(text.p[i]) ? ' ' : text.p[i]);
}

void
rules_letter(
    struct rules *r, struct sv subject, struct sv text, struct buf *out)
{
	const struct conf_account *a = &r->conf->account[r->account];
	uint64_t id[2];

	randombytes_buf(id, sizeof id);
	buf_adds(out, "Return-Path: <>\r\nDate: ");
	mail_date_print(clk_now() / 1000, 0, out);
	buf_addf(out,
	    "\r\nFrom: Mail server <postmaster@%s>\r\nTo: <%s>\r\n"
	    "Message-ID: <%016llx%016llx@%s>\r\nSubject: ",
	    r->conf->domain[0].name, a->naddress > 0 ? a->address[0] : a->name,
	    (unsigned long long)id[0], (unsigned long long)id[1],
	    r->conf->hostname);
	add_lines(sv_first(subject, sv_chr(subject, '\n')), out);
	buf_adds(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0"
		      "\r\nContent-Type: text/plain; charset=utf-8"
		      "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
	add_lines(text, out);
}
