/** avsc without its services and container files, which take longer to load than all that is used of it. `AvscLibrary` says what it is. */
declare module "avsc/lib/types.js" {
  const types: unknown;
  export default types;
}
