/** For `kflow run`; over HTTP the readings come with the requests. */
export default [
  { station: "harbour", fahrenheit: 212 },
  { station: "hill", fahrenheit: 32 },
];
