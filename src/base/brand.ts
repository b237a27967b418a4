// Nominal types over plain values: a branded value cannot be passed where another meaning is expected.
// A brand costs nothing at run time; values get it in the one function that checked them.

declare const brand: unique symbol

export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name }
