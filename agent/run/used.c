#include "used.h"

static json_t *
number_or_null(int64_t n, bool there)
{
	return there ? json_integer(n) : json_null();
}

void
add_usage(json_t *key, const struct key_usage *u)
{
	json_object_set_new(key, "signatures", number_or_null(u->signatures, u->known));
	json_object_set_new(key, "refused", number_or_null(u->refused, u->known));
	json_object_set_new(key, "soft_limit", number_or_null(u->soft, u->soft != 0));
	json_object_set_new(key, "hard_limit", number_or_null(u->hard, u->hard != 0));
	json_object_set_new(key, "hard_limit_armed", json_boolean(u->armed && u->hard));
	json_object_set_new(key, "last_use", json_when(u->last_use));
}
