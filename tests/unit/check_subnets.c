/* Which networks join hosts, from the addresses of their interfaces. */
#include "base_test.h"

#include "check/subnets.h"

#define ADDRESS(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static struct ls_interface made(const char *name, uint32_t address, int prefix)
{
    struct ls_interface interface = {.address = address, .prefix = prefix};
    snprintf(interface.name, sizeof interface.name, "%s", name);
    return interface;
}

static void test_format(void **state)
{
    char out[LS_SUBNET_TEXT];
    struct ls_interface interface = made("eth0", ADDRESS(10, 1, 2, 250), 22);
    (void)state;
    assert_string_equal(ls_subnet_format(out, &interface), "10.1.0.0/22");
    interface.prefix = 32;
    assert_string_equal(ls_subnet_format(out, &interface), "10.1.2.250/32");
    interface.prefix = 0;
    assert_string_equal(ls_subnet_format(out, &interface), "0.0.0.0/0");
}

static void test_same(void **state)
{
    const struct ls_interface a = made("a", ADDRESS(10, 1, 2, 3), 24);
    const struct ls_interface b = made("b", ADDRESS(10, 1, 2, 200), 24);
    const struct ls_interface other = made("c", ADDRESS(10, 1, 3, 3), 24);
    const struct ls_interface wider = made("d", ADDRESS(10, 1, 2, 4), 16);
    (void)state;
    assert_true(ls_subnet_is_same(&a, &b));
    assert_false(ls_subnet_is_same(&a, &other));
    assert_false(ls_subnet_is_same(&a, &wider));
}

static void test_virtual(void **state)
{
    (void)state;
    assert_true(ls_interface_is_virtual("docker0"));
    assert_true(ls_interface_is_virtual("virbr0"));
    assert_true(ls_interface_is_virtual("br-12ab34cd56ef"));
    assert_false(ls_interface_is_virtual("eth0"));
    assert_false(ls_interface_is_virtual("ib0"));
    assert_false(ls_interface_is_virtual("bond0"));
}

static void test_taken(void **state)
{
    const struct ls_interface eth = made("eth0", ADDRESS(10, 1, 2, 3), 24);
    (void)state;
    assert_true(ls_interface_is_taken(&eth, NULL, false));
    assert_true(ls_interface_is_taken(&eth, "ib0,eth0", false));
    assert_true(ls_interface_is_taken(&eth, "10.1.0.0/16", false));
    assert_false(ls_interface_is_taken(&eth, "10.2.0.0/16,ib0", false));
    assert_false(ls_interface_is_taken(&eth, "eth", false));
    assert_false(ls_interface_is_taken(&eth, "eth0", true));
    assert_true(ls_interface_is_taken(&eth, "127.0.0.1/8,docker0", true));
    assert_false(ls_interface_is_taken(&eth, "10.1.0.0/99", false));
}

static void test_joins(void **state)
{
    struct ls_interfaces hosts[3] = {0};
    (void)state;
    for (int host = 0; host < 3; host++) {
        hosts[host].of[0] = made("eth0", ADDRESS(10, 1, 2, 1 + host), 24);
        hosts[host].of[1] = made("docker0", ADDRESS(172, 17, 0, 1), 16); /* each one's own */
        hosts[host].count = 2;
    }
    assert_true(ls_subnet_joins(&hosts[0].of[0], hosts, 3));
    assert_true(ls_subnet_joins(&hosts[2].of[0], hosts, 3));
    assert_false(ls_subnet_joins(&hosts[0].of[1], hosts, 3));
    assert_true(ls_subnet_joins(&hosts[0].of[1], hosts, 1));
    hosts[1].of[0].address = ADDRESS(10, 1, 3, 2);
    assert_false(ls_subnet_joins(&hosts[0].of[0], hosts, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format), cmocka_unit_test(test_same),  cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_taken),  cmocka_unit_test(test_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
