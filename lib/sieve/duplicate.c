/* duplicate [RFC 7352]. */
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/fields.h"
#include "sieve/letter.h"

#define SECONDS_DEFAULT (7 * 86400)

/* The value that says which message it is; p == NULL: there is none. */
static enum sieve_flow
unique_id(struct sieve_run *r, const struct sieve_node *n, struct sv *out)
{
	const struct sieve_value *id = sieve_tag_value(n, T_UNIQUEID);
	const struct sieve_value *header = sieve_tag_value(n, T_HEADER);
	struct sv name = SV("Message-ID");
	enum sieve_flow f = FLOW_ON;
	struct mail_field field;

	if (id != NULL)
		return sieve_expand(r, n, &id->s[0], out);
	if (header != NULL)
		f = sieve_expand(r, n, &header->s[0], &name);
	*out = (struct sv){0};
	if (f == FLOW_ON && mail_field_find(r->doc.header, name, &field))
		*out = sieve_field_text(r, field.value);
	return f;
}

static int64_t
period(const struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *v = sieve_tag_value(n, T_SECONDS);

	if (v == NULL)
		return SECONDS_DEFAULT;
	return v->number < (uint64_t)r->limits.duplicate_s
		   ? (int64_t)v->number
		   : r->limits.duplicate_s;
}

enum sieve_flow
sieve_test_duplicate(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	const struct sieve_value *handle = sieve_tag_value(n, T_HANDLE);
	struct sieve_record record = {.seconds = period(r, n)};
	struct sv part[2] = {{0}, {0}};
	enum sieve_flow f;
	int rc = RC_OK;

	*out = false;
	f = unique_id(r, n, &part[0]);
	if (f == FLOW_ON && handle != NULL)
		f = sieve_expand(r, n, &handle->s[0], &part[1]);
	if (f != FLOW_ON || part[0].p == NULL || record.seconds == 0)
		return f;
	sieve_key(record.key, "duplicate", part, 2);
	if (r->host->seen != NULL)
		rc = r->host->seen(r->arg, record.key, out);
	if (rc == RC_TEMP)
		return FLOW_TEMP;
	if (rc != RC_OK)
		*out = false;
	/* With :last the time begins anew. */
	if (!*out || sieve_has_tag(n, T_LAST))
		f = sieve_add_record(r, n, &record);
	sieve_trace(r, n,
	    *out ? "duplicate: it has come before"
		 : "duplicate: it has not come before");
	return f;
}
