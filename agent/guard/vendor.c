#include "vendor.h"

#include <stdatomic.h>

static struct guard_settings settings;
static _Atomic(CK_FUNCTION_LIST *) vendor;

CK_FUNCTION_LIST *
guard_vendor(void)
{
	return atomic_load_explicit(&vendor, memory_order_acquire);
}

void
guard_set_vendor(CK_FUNCTION_LIST *running)
{
	atomic_store_explicit(&vendor, running, memory_order_release);
}

const struct guard_settings *
guard_settings(void)
{
	return &settings;
}

void
guard_set_settings(const struct guard_settings *s)
{
	settings = *s;
}
