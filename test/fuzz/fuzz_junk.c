/* Features of any message: bounded, distinct, the same when they are named. */
#include <stdlib.h>
#include <string.h>

#include "junk/feature.h"
#include "mime/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_name(void *arg, uint32_t feature, struct sv text)
{
	must(feature == *(uint32_t *)arg);
	must(text.n < JUNK_MESSAGE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct junk_features f;
	const struct junk_signal signal = {JUNK_SIG_SPF, 2};
	const struct junk_source src = {.msg = sv_of(data, size),
	    .hostname = SV("mail.home.test"),
	    .signal = &signal,
	    .n_signal = 1,
	    .kinds = JUNK_ALL};
	size_t i;

	junk_features_take(&src, &f);
	must(f.n > 0 && f.n <= JUNK_FEATURES_MAX);
	for (i = 0; i < f.n; i++)
		must(junk_feature_kind(f.v[i]) < JUNK_KINDS);
	i = size % f.n;
	junk_features_name(&src, &f.v[i], 1, on_name, &f.v[i]);
	return 0;
}
