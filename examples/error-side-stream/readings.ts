/** All the readings. */
export default [
  { station: "harbour", celsius: 15 },
  { station: "airport", celsius: 1500 },
  { station: "summit", celsius: -8 },
  { station: "cellar", celsius: -300 },
  { station: "harbour", celsius: 15.5 },
];
