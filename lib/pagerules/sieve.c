/* How they run, and what is said of them. */
#include "pagerules/pagerules.h"

#include "mail/path.h"
#include "pagerules/idn.h"
#include "pagerules/zone.h"

/* require, and then the lines. */
#define LINE_BLOCKED 2u
#define LINE_FILTERS 3u

static const char requires[] =
    "require [\"copy\", \"envelope\", \"environment\", \"extlists\", "
    "\"fileinto\", \"imap4flags\", \"mailbox\", \"special-use\", "
    "\"vacation\", \"comparator-i;unicode-casemap\"];\n";

/* ---- strings ---- */

static void
put_quoted(struct buf *out, const char *before, struct sv s)
{
	buf_addf(out, "\"%s", before);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(out, '\\');
		if (s.p[i] != '\0')
			buf_addc(out, s.p[i]);
	}
	buf_addc(out, '"');
}

static void
put_string(struct buf *out, struct sv s)
{
	put_quoted(out, "", s);
}

/*
 * An address or a domain as it is written in A-labels, and in U-labels if that
 * is something else: mail comes with either, whatever a person has filled in.
 */
struct forms {
	struct buf form[2];
	size_t n; /* 0: it is neither */
};

static void
forms_init(struct forms *f, struct sv who)
{
	buf_init(&f->form[0], PAGERULES_SCRIPT_MAX);
	buf_init(&f->form[1], PAGERULES_SCRIPT_MAX);
	f->n = idn_ascii(who, &f->form[0]) == RC_OK;
	if (f->n > 0 && idn_shown(who, &f->form[1]) == RC_OK &&
	    !sv_eq(buf_sv(&f->form[0]), buf_sv(&f->form[1])))
		f->n = 2;
}

static void
forms_fini(struct forms *f)
{
	buf_fini(&f->form[1]);
	buf_fini(&f->form[0]);
}

/* All of them, or the part behind the first `skip` bytes, as strings. */
static void
put_forms(
    struct buf *out, const char *before, const struct forms *f, size_t skip)
{
	buf_adds(out, f->n > 1 ? "[" : "");
	for (size_t i = 0; i < f->n; i++) {
		buf_adds(out, i > 0 ? "," : "");
		put_quoted(out, before, sv_skip(buf_sv(&f->form[i]), skip));
	}
	buf_adds(out, f->n > 1 ? "]" : "");
}

/* Other letters than those of ASCII have capitals, too. */
static const char *
comparator(const struct forms *f)
{
	return f->n > 1 ? ":comparator \"i;unicode-casemap\" " : "";
}

/* ---- blocked senders ---- */

/* The domains, or the addresses; each with that in front. */
static size_t
put_blocked_list(const struct pagerules *r, bool domains, const char *before,
    struct buf *out)
{
	size_t n = 0;

	buf_addc(out, '[');
	for (size_t i = 0; i < r->nblocked; i++) {
		struct sv who = sv_str(r->blocked[i]);

		struct forms f;

		if ((who.p[0] == '@') != domains)
			continue;
		forms_init(&f, who);
		for (size_t k = 0; k < f.n; k++) {
			buf_adds(out, n++ > 0 ? "," : "");
			put_quoted(
			    out, before, sv_skip(buf_sv(&f.form[k]), domains));
		}
		forms_fini(&f);
	}
	buf_addc(out, ']');
	return n;
}

/* The same question to the header and to the envelope. */
static void
put_blocked_test(const struct pagerules *r, bool domains, const char *how,
    const char *before, struct buf *out)
{
	static const char *const tests[] = {"address", "envelope"};
	struct buf list;

	buf_init(&list, PAGERULES_SCRIPT_MAX);
	if (put_blocked_list(r, domains, before, &list) > 0)
		for (size_t i = 0; i < 2; i++) {
			buf_addf(out, ", %s %s %s \"from\" ", tests[i], how,
			    domains ? ":domain" : ":all");
			buf_addsv(out, buf_sv(&list));
		}
	buf_fini(&list);
}

static void
put_blocked(const struct pagerules *r, struct buf *out)
{
	if (r->nblocked > 0) {
		buf_adds(out, "if anyof(false");
		put_blocked_test(r, false, ":is", "", out);
		put_blocked_test(r, true, ":is", "", out);
		put_blocked_test(r, true, ":matches", "*.", out);
		buf_adds(out, ") { fileinto :specialuse \"\\\\Junk\" :create "
			      "\"Junk\"; stop; }");
	}
	buf_addc(out, '\n');
}

/* ---- filters ---- */

/* "@example.org" */
static bool
is_domain(struct sv s)
{
	return s.n > 1 && s.p[0] == '@' && sv_rchr(s, '@') == 0;
}

/* What people say for a server: it has a dot and no blanks. */
static bool
looks_like_domain(struct sv s)
{
	return sv_chr(s, '.') < s.n && sv_chr(s, ' ') == s.n &&
	       sv_chr(s, '@') == s.n;
}

/* In any case; a domain in both of its forms. */
static void
put_words(struct buf *out, const char *fields, struct sv words)
{
	struct forms f = {.n = 0};

	buf_addf(out, "header :contains :comparator \"i;unicode-casemap\" %s ",
	    fields);
	if (looks_like_domain(words))
		forms_init(&f, words);
	if (f.n > 1)
		put_forms(out, "", &f, 0);
	else
		put_string(out, words);
	if (looks_like_domain(words))
		forms_fini(&f);
}

/* Of "@domain". */
static void
put_domain(struct buf *out, const char *fields, const struct forms *f)
{
	buf_addf(out, "address :is %s:domain %s ", comparator(f), fields);
	put_forms(out, "", f, 1);
	buf_addf(
	    out, ", address :matches %s:domain %s ", comparator(f), fields);
	put_forms(out, "*.", f, 1);
}

static bool
is_address(const struct forms *f)
{
	return f->n > 0 && pagerules_is_address(buf_sv(&f->form[0]));
}

/* A whole address is that one and not part of another. */
static void
put_from(struct buf *out, struct sv from)
{
	struct forms f;

	forms_init(&f, from);
	if (is_address(&f)) {
		buf_addf(out, ", address :is %s:all \"from\" ", comparator(&f));
		put_forms(out, "", &f, 0);
	} else if (f.n > 0 && is_domain(from)) {
		buf_adds(out, ", anyof(");
		put_domain(out, "\"from\"", &f);
		buf_addc(out, ')');
	} else {
		buf_adds(out, ", ");
		put_words(out, "\"from\"", from);
	}
	forms_fini(&f);
}

/* "<list.example.org>" of list@example.org; none for a quoted name. */
static void
put_list_ids(struct buf *out, const struct forms *f)
{
	for (size_t i = 0; i < f->n; i++) {
		struct sv to = buf_sv(&f->form[i]);
		size_t at = sv_rchr(to, '@');

		buf_addf(out, "%s\"<", i > 0 ? "," : "");
		buf_addsv(out, sv_first(to, sv_chr(to, '"') < to.n ? 0 : at));
		buf_addc(out, '.');
		buf_addsv(out, sv_skip(to, at + 1));
		buf_adds(out, ">\"");
	}
}

/* Lists say who they are in fields of their own [RFC 2369, 2919]. */
static void
put_to_list(struct buf *out, const struct forms *f, bool address)
{
	if (address) {
		buf_adds(out, ", header :contains \"list-post\" ");
		put_forms(out, "mailto:", f, 0);
	}
	buf_adds(out, ", header :contains \"list-id\" ");
	buf_adds(out, f->n > 1 ? "[" : "");
	if (address)
		put_list_ids(out, f);
	for (size_t i = 0; i < f->n && !address; i++) {
		buf_addf(out, "%s\".", i > 0 ? "," : "");
		buf_addsv(out, sv_skip(buf_sv(&f->form[i]), 1));
		buf_adds(out, ">\"");
	}
	buf_adds(out, f->n > 1 ? "]" : "");
}

static void
put_to(struct buf *out, struct sv to)
{
	static const char fields[] =
	    "[\"to\", \"cc\", \"resent-to\", \"resent-cc\"]";
	struct forms f;

	forms_init(&f, to);
	buf_adds(out, ", anyof(");
	if (is_address(&f)) {
		buf_addf(out, "address :is %s:all %s ", comparator(&f), fields);
		put_forms(out, "", &f, 0);
		buf_addf(out, ", envelope :is %s:all \"to\" ", comparator(&f));
		put_forms(out, "", &f, 0);
		put_to_list(out, &f, true);
	} else if (f.n > 0 && is_domain(to)) {
		put_domain(out, fields, &f);
		put_to_list(out, &f, false);
	} else {
		put_words(out, "[\"to\", \"cc\", \"list-id\"]", to);
	}
	buf_addc(out, ')');
	forms_fini(&f);
}

static void
put_actions(const struct pagerules_filter *f, struct buf *out)
{
	buf_adds(out, " { ");
	if (f->seen)
		buf_adds(out, "addflag \"\\\\Seen\"; ");
	if (f->starred)
		buf_adds(out, "addflag \"\\\\Flagged\"; ");
	if (f->action == PAGERULES_MOVES) {
		buf_adds(out, "fileinto :create ");
		put_string(out, sv_str(f->folder));
		buf_adds(out, "; ");
	} else if (f->action == PAGERULES_DELETES) {
		buf_adds(out, "fileinto :specialuse \"\\\\Trash\" :create "
			      "\"Trash\"; stop; ");
	}
	buf_addc(out, '}');
}

/* One that looks for nothing would take everything. */
static bool
filter_runs(const struct pagerules_filter *f)
{
	return f->on &&
	       (f->from[0] != '\0' || f->to[0] != '\0' ||
		   f->subject[0] != '\0') &&
	       (f->action != PAGERULES_MOVES || f->folder[0] != '\0');
}

static bool
filter_ends(const struct pagerules_filter *f)
{
	return f->action != PAGERULES_STAYS && !f->goes_on;
}

/* Those that end are links of one chain; what comes behind one that goes on is
 * in the else of those before it. */
static void
put_filters(const struct pagerules *r, struct buf *out)
{
	bool chained = false;
	unsigned depth = 0;

	for (size_t i = 0; i < r->nfilter; i++) {
		const struct pagerules_filter *f = &r->filter[i];

		if (filter_runs(f)) {
			if (chained && !filter_ends(f)) {
				buf_adds(out, "else { ");
				depth++;
				chained = false;
			}
			buf_adds(out,
			    chained ? "elsif allof(true" : "if allof(true");
			if (f->from[0] != '\0')
				put_from(out, sv_str(f->from));
			if (f->to[0] != '\0')
				put_to(out, sv_str(f->to));
			if (f->subject[0] != '\0') {
				buf_adds(out, ", ");
				put_words(
				    out, "\"subject\"", sv_str(f->subject));
			}
			buf_adds(out,
			    ", not environment :is \"" PAGERULES_ENV_JUNK
			    "\" \"1\")");
			put_actions(f, out);
			chained = filter_ends(f);
		}
		buf_addc(out, '\n');
	}
	while (depth-- > 0)
		buf_addc(out, '}');
}

/* ---- the others ---- */

static bool
forward_runs(const struct pagerules_forward *f)
{
	return f->on && f->confirmed && f->to[0] != '\0';
}

static void
put_forward(const struct pagerules_forward *f, struct buf *out)
{
	if (forward_runs(f)) {
		buf_adds(out, f->keep ? "redirect :copy " : "redirect ");
		put_string(out, sv_str(f->to));
		buf_addc(out, ';');
	}
	buf_addc(out, '\n');
}

static bool
vacation_runs(const struct pagerules_vacation *v)
{
	return v->on && v->text[0] != '\0';
}

/* One answer to each sender as long as somebody is away, whatever becomes of
 * the text meanwhile. */
static void
put_vacation(const struct pagerules_vacation *v, struct buf *out)
{
	if (!vacation_runs(v))
		return;
	buf_adds(
	    out, "if allof(environment :is \"" PAGERULES_ENV_AWAY "\" \"1\"");
	if (v->contacts)
		buf_adds(out,
		    ", address :all :list \"from\" \"" PAGERULES_CONTACTS "\"");
	buf_addf(out, ") { vacation :days %u :handle \"page %lld %lld\" ",
	    v->days, (long long)v->from, (long long)v->until);
	if (v->subject[0] != '\0') {
		buf_adds(out, ":subject ");
		put_string(out, sv_str(v->subject));
		buf_addc(out, ' ');
	}
	put_string(out, sv_str(v->text));
	buf_adds(out, "; }\n");
}

bool
pagerules_present(const struct pagerules *r)
{
	for (size_t i = 0; i < r->nfilter; i++)
		if (filter_runs(&r->filter[i]))
			return true;
	return r->nblocked > 0 || forward_runs(&r->forward) ||
	       vacation_runs(&r->vacation);
}

void
pagerules_sieve(const struct pagerules *r, struct buf *out)
{
	buf_adds(out, requires);
	put_blocked(r, out);
	put_filters(r, out);
	put_forward(&r->forward, out);
	put_vacation(&r->vacation, out);
}

bool
pagerules_away(const struct pagerules_vacation *v, int64_t day)
{
	return (v->from == PAGERULES_NO_DAY || v->from <= day) &&
	       (v->until == PAGERULES_NO_DAY || day <= v->until);
}

/* ---- what is said ---- */

void
pagerules_where(const struct pagerules *r, unsigned line, struct buf *out)
{
	if (line < LINE_FILTERS)
		buf_adds(out, "blocked senders");
	else if (line - LINE_FILTERS < r->nfilter)
		buf_addf(out, "filter %u", line - LINE_FILTERS + 1);
	else if (line - LINE_FILTERS == r->nfilter)
		buf_adds(out, "forwarding");
	else
		buf_adds(out, "vacation");
}

static void
say_filter(const struct pagerules_filter *f, size_t number, struct buf *out)
{
	const char *glue = "";
	const struct {
		const char *what, *text;
	} part[] = {
	    {"from", f->from}, {"to", f->to}, {"with subject", f->subject}};

	buf_addf(out, "%s\tfilter %zu: mail", f->on ? "on" : "off", number);
	for (size_t i = 0; i < 3; i++)
		if (part[i].text[0] != '\0')
			buf_addf(out, " %s \"%s\"", part[i].what, part[i].text);
	buf_adds(out, ": ");
	if (f->seen) {
		buf_adds(out, "is marked as read");
		glue = ", ";
	}
	if (f->starred) {
		buf_addf(out, "%sis starred", glue);
		glue = ", ";
	}
	if (f->action == PAGERULES_MOVES)
		buf_addf(out, "%sgoes to \"%s\"", glue, f->folder);
	else if (f->action == PAGERULES_DELETES)
		buf_addf(out, "%sgoes to the trash", glue);
	if (!filter_ends(f))
		buf_adds(out, "; the next filters run as well");
	buf_addc(out, '\n');
}

static void
say_vacation(const struct pagerules_vacation *v, struct buf *out)
{
	buf_addf(out, "%s\tvacation", v->on ? "on" : "off");
	if (v->from != PAGERULES_NO_DAY) {
		buf_adds(out, ", from ");
		zone_day_print(v->from, out);
	}
	if (v->until != PAGERULES_NO_DAY) {
		buf_adds(out, ", until ");
		zone_day_print(v->until, out);
	}
	if (v->zone[0] != '\0')
		buf_addf(out, " (%s)", v->zone);
	if (v->contacts)
		buf_adds(out, ", only to contacts");
	buf_addf(out, ", each sender is answered once in %u day%s\n", v->days,
	    v->days == 1 ? "" : "s");
}

void
pagerules_list(const struct pagerules *r, struct buf *out)
{
	const struct pagerules_forward *f = &r->forward;

	if (r->nblocked > 0)
		buf_addf(out, "on\tblocked senders: %zu\n", r->nblocked);
	for (size_t i = 0; i < r->nfilter; i++)
		say_filter(&r->filter[i], i + 1, out);
	if (f->to[0] != '\0')
		buf_addf(out, "%s\tforwarding to %s%s\n",
		    !f->on	   ? "off"
		    : f->confirmed ? "on"
				   : "waits",
		    f->to,
		    !f->confirmed ? ", which has not confirmed it"
		    : f->keep	  ? ", a copy is kept"
				  : ", no copy is kept");
	if (r->vacation.on || r->vacation.text[0] != '\0')
		say_vacation(&r->vacation, out);
}
