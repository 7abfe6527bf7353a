/* Compiles but does not link, on purpose: deploy/demo/make_failures.py tries. */
int shop_price_of(int apples);

int main(void)
{
    return shop_price_of(3);
}
