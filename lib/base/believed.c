#include "base/believed.h"

int64_t
believed_look(struct believed *c, int64_t wall, int64_t mono)
{
	int64_t expected = c->time + (mono - c->mono);
	bool leapt = c->time != 0 && wall - expected > BELIEVED_LEAP_MS;

	if (!leapt)
		c->ahead = 0;
	else if (c->ahead == 0)
		c->ahead = mono;
	if (leapt && mono - c->ahead < BELIEVED_SETTLE_MS)
		return expected;
	*c = (struct believed){.time = wall, .mono = mono};
	return wall;
}

void
believed_print(const struct believed *c, struct buf *out)
{
	buf_addf(out, "%lld %lld %lld%s\n", (long long)c->time,
	    (long long)c->mono, (long long)c->ahead, c->anew ? " 1" : "");
}

int
believed_parse(struct sv line, int64_t mono, struct believed *out)
{
	struct sv rest = sv_split(&line, '\n');
	uint64_t v[3];
	size_t i;

	for (i = 0; i < 3; i++)
		if (sv_to_u64(sv_split(&rest, ' '), INT64_MAX / 2, &v[i]) !=
		    RC_OK)
			return RC_SYNTAX;
	if (rest.n > 0 && !sv_eq(rest, SV("1")))
		return RC_SYNTAX;
	*out = (struct believed){
	    (int64_t)v[0], (int64_t)v[1], (int64_t)v[2], rest.n > 0};
	/* The other clock has begun anew, and with it the hours. */
	if (out->mono > mono) {
		out->mono = mono;
		out->ahead = 0;
		out->anew = true;
	}
	return RC_OK;
}
