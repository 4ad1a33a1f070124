#include "dns/unbound_calls.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#define LIBRARY "libunbound.so.8"

static bool
find(void *library, const char *name, void **out)
{
	*out = dlsym(library, name);
	return *out != NULL;
}

#define FIND(name) find(library, "ub_" #name, (void **)&u->name)

static bool
find_all(void *library, struct unbound *u)
{
	return FIND(ctx_create_ub_event) && FIND(ctx_delete) &&
	       FIND(ctx_debugout) && FIND(ctx_set_option) &&
	       FIND(ctx_set_stub) && FIND(ctx_set_fwd) && FIND(ctx_add_ta) &&
	       FIND(ctx_zone_remove) && FIND(resolve_event) && FIND(strerror);
}

int
unbound_load(const struct unbound **out, struct err *err)
{
	static struct unbound calls;
	static void *library;

	if (library == NULL)
		library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL || !find_all(library, &calls))
		return err_set(err, RC_NOTFOUND,
		    "%s cannot be loaded: install the package libunbound8",
		    LIBRARY);
	*out = &calls;
	return RC_OK;
}
