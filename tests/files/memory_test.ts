import { MemoryFiles } from "../../src/files/memory.ts";
import { testFiles } from "../contracts/files_contract.ts";

testFiles("memory", () => Promise.resolve(new MemoryFiles()));
