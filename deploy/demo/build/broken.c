/* Does not compile, on purpose: deploy/demo/make_failures.py tries. */
#include <stdio.h>

int price(int apples)
{
    return apples * unit_price;
}

int main(void)
{
    printf("%d\n", price("three"), total;
    return 0;
}
