/* The configuration's text, which is changed in its file only, and what `check`
 * says of its lines. */
#include <stdio.h>

#include "web/admin/admin_priv.h"

#define AGE_MS	   2000
#define REST_BYTES 2048

/* "12" for what is about a line, "" for the rest. */
static const char *
line_number(const json_t *finding, char out[24])
{
	long long n = json_integer_value(json_object_get(finding, "line"));

	out[0] = '\0';
	if (n > 0)
		(void)snprintf(out, 24, "%lld", n);
	return out;
}

static void
put_findings(struct visit *v, const json_t *findings)
{
	static const enum page_word heads[] = {
	    W_ADMIN_LINE, W_ADMIN_DNS_FINDING};
	json_t *finding;
	char n[24];
	size_t i;

	if (json_array_size(findings) == 0) {
		page_notice(&v->p, PAGE_GOOD, W_ADMIN_CONF_FINE);
		return;
	}
	page_table(&v->p, W_ADMIN_CONF_FINDINGS, heads, 2);
	json_array_foreach(findings, i, finding)
	{
		if (admin_room(v, PAGE_BODY_MAX / 2) == 0)
			break;
		page_row(&v->p);
		page_cell(&v->p, sv_str(line_number(finding, n)));
		page_cell(&v->p, admin_text(finding, "text"));
		page_row_end(&v->p);
	}
	page_table_end(&v->p);
}

/* The findings of a line, below it. */
static void
add_beside(const json_t *findings, long long line, struct buf *out)
{
	json_t *finding;
	size_t i;

	json_array_foreach(findings, i, finding)
	{
		struct sv text = admin_text(finding, "text");

		if (json_integer_value(json_object_get(finding, "line")) ==
		    line)
			buf_addf(out, "      ^ %.*s\n", SV_ARG(text));
	}
}

static void
put_text(struct visit *v, struct sv text, const json_t *findings)
{
	long long line = 0;
	struct buf all;

	buf_init(&all, 8 * PAGE_BODY_MAX);
	while (text.n > 0) {
		struct sv one = sv_split(&text, '\n');

		buf_addf(&all, "%4lld  %.*s\n", ++line, SV_ARG(one));
		add_beside(findings, line, &all);
	}
	page_section(&v->p, W_ADMIN_CONF_TEXT);
	admin_lines(v, buf_sv(&all), REST_BYTES, "hearthmail check");
	page_section_end(&v->p);
	buf_fini(&all);
}

void
admin_get_configuration(struct visit *v)
{
	const json_t *findings;
	json_t *j = NULL;
	int64_t when;
	int r = admin_errand_json(
	    v, ERRAND_CHECK, AGE_MS, ADMIN_WAIT_MS, &j, &when);

	if (r != RC_OK) {
		admin_silent(v, r);
		return;
	}
	findings = json_object_get(j, "findings");
	page_say(
	    &v->p, "p", W_ADMIN_CONF_ABOUT, page_text(admin_text(j, "file")));
	put_findings(v, findings);
	put_text(v, admin_text(j, "text"), findings);
	page_section(&v->p, W_ADMIN_CONF_MEANS);
	admin_lines(v, admin_text(j, "output"), 1024, "hearthmail check");
	page_section_end(&v->p);
	json_decref(j);
}
