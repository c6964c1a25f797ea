const LIST = `
fr par Paris 2102650
fr lyo Lyon 522250
fr mrs Marseille 873076
de ber Berlin 3769495
de ham Hamburg 1906411
de muc München 1510378
it rom Roma 2754719
it mil Milano 1349930
es mad Madrid 3332035
es bcn Barcelona 1655956
pt lis Lisboa 567131
pt opo Porto 248769
`;

/** All records at once: an array is a source too. */
export default LIST.trim().split("\n").map((line) => {
  const [country, code, name, population] = line.split(" ");
  return { code, name, country, population: Number(population) };
});
