export default [{ n: 100_000 }, { n: -1 }, { n: 1_000_000 }];
