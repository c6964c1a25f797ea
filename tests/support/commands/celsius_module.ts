/** Function of the example `http` that says what it begins with and takes as many milliseconds as there are degrees. */
export const CELSIUS_MODULE = `
  export default async ({ station, fahrenheit }) => {
    console.error("begins " + station);
    await new Promise((resolve) => setTimeout(resolve, fahrenheit));
    return { station, celsius: 0 };
  };
`;
